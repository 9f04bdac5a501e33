// A host whose sign-in ends during the call is told that they no longer see who waits, and does again once they have
// signed in. A page that the browser has kept does not show what belongs to somebody who has signed out.
import { accessible, check, foyer, say, screenshot, test } from './browser.mjs';
import { button, fits, guest, heading, host, join, roomURL, showPeople } from './people.mjs';

const signedOut = 'You are signed out: you no longer see who is waiting.';

test(async () => {
  const ada = await host('Ada Lovelace', 'Weekly');
  await join(ada);
  const room = roomURL(ada);
  await guest('Grace', room);
  const panel = await showPeople(ada);
  await button(panel, 'Admit Grace').waitFor();

  const [kept, other] = [await ada.context().newPage(), await ada.context().newPage()];
  await kept.goto(foyer);
  await kept.getByRole('link', { name: 'Weekly' }).waitFor();
  await other.goto(foyer);
  await button(other, 'Account: Ada Lovelace').click();
  await other.getByRole('menuitem', { name: 'Sign out' }).click();
  await heading(other, 'Meetings with a front door').waitFor();
  await kept.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await heading(kept, 'Meetings with a front door').waitFor();
  check((await kept.getByText('Weekly').count()) === 0, 'no room is shown to whoever comes next');
  await kept.close();
  say('a page that was kept is loaded again');

  await guest('Alan', room);
  await ada.getByText(signedOut).waitFor();
  check(!(await button(panel, 'Admit Grace').isVisible()), 'nobody is shown as waiting');
  await accessible(ada, 'the call of a host who is signed out');
  await screenshot(ada, 'signed-out');
  await ada.setViewportSize({ width: 360, height: 640 });
  await button(ada, 'Close panel').click();
  await fits(ada, 'the call of a host who is signed out');
  await screenshot(ada, 'signed-out-phone');

  const opened = ada.context().waitForEvent('page');
  await ada.getByRole('link', { name: 'Sign in' }).click();
  const provider = await opened;
  await provider.getByRole('button', { name: 'Ada Lovelace' }).click();
  await heading(provider, 'Your rooms').waitFor();
  await provider.close();
  await ada.evaluate(() => window.dispatchEvent(new Event('focus')));
  await ada.getByText('2 people waiting').first().waitFor();
  check(!(await ada.getByText(signedOut).isVisible()), 'the host is no longer told to sign in');
  say('the host sees who waits again');
});
