// A host whose session ends during the meeting is told that they no longer see the waiting guests; after a sign-in they
// see them again. A page that the browser restores does not show the data of a person who has signed out.
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
  check((await kept.getByText('Weekly').count()) === 0, 'the next person sees no room');
  await kept.close();
  say('a restored page is loaded again');

  await guest('Alan', room);
  await ada.getByText(signedOut).waitFor();
  check(!(await button(panel, 'Admit Grace').isVisible()), 'no waiting guest is shown');
  await accessible(ada, 'the meeting of a signed-out host');
  await screenshot(ada, 'signed-out');
  await ada.setViewportSize({ width: 360, height: 640 });
  await button(ada, 'Close panel').click();
  await fits(ada, 'the meeting of a signed-out host');
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
  say('the host sees the waiting guests again');
});
