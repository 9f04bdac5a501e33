// The place in line survives a reload and a restart of the server, and the decision arrives.
import { accessible, ask, check, person, say, screenshot, test } from './browser.mjs';
import { admit, button, guest, heading, host, inMeeting, join, roomURL, showPeople } from './people.mjs';

test(async () => {
  const ada = await host('Ada Lovelace', 'Weekly');
  await join(ada);
  const room = roomURL(ada);
  const grace = await guest('Grace', room);
  await grace.getByText('You are next').waitFor();
  const alan = await guest('Alan', room);
  const panel = await showPeople(ada);
  await panel.getByRole('button', { name: 'Admit Alan' }).waitFor();

  await grace.reload();
  await heading(grace, 'Waiting to be let in').waitFor();
  await grace.getByText('You are next').waitFor();
  const line = await panel.getByRole('button', { name: /^Admit (Grace|Alan)$/ }).evaluateAll((all) =>
    all.map((one) => one.getAttribute('aria-label')));
  check(line.join() === 'Admit Grace,Admit Alan', `the line: ${line}`);
  say('a reload keeps the place');

  await button(ada, 'Message to waiting guests').click();
  const dialog = ada.getByRole('dialog');
  await dialog.getByRole('textbox').fill('We begin soon.');
  await dialog.getByRole('button', { name: 'Show message' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await grace.getByText('We begin soon.').waitFor();
  say("the host's message arrives");

  const locked = 'The room is locked: nobody gets in until a host unlocks it.';
  await button(ada, 'More').click();
  await ada.getByRole('menuitem', { name: 'Lock room' }).click();
  await panel.getByText('Unlock the room first').waitFor();
  check(await panel.getByRole('button', { name: 'Admit Grace' }).getAttribute('aria-disabled') === 'true',
    'nobody can be admitted');
  await accessible(ada, 'a locked room');
  await screenshot(ada, 'locked-host');
  const mary = await person('Mary');
  await mary.goto(room);
  await mary.getByText(locked).waitFor();
  await accessible(mary, 'the entrance of a locked room');
  await screenshot(mary, 'locked-entrance');
  await grace.getByText(locked).waitFor();
  await screenshot(grace, 'locked-waiting');
  await panel.getByRole('button', { name: 'Unlock room' }).click();
  await grace.getByText(locked).waitFor({ state: 'hidden' });
  await mary.evaluate(() => window.dispatchEvent(new Event('focus')));
  await mary.getByText(locked).waitFor({ state: 'hidden' });
  await panel.getByText('Unlock the room first').waitFor({ state: 'hidden' });
  await mary.context().close();
  say('a waiting guest sees that the room is locked, and that it no longer is');

  await ask('stop');
  await grace.getByText('Connection lost. Reconnecting… You keep your place.').waitFor();
  await screenshot(grace, 'reconnecting');
  await ask('start');
  await grace.getByText('Waiting for a host').waitFor();
  await admit(ada, 'Grace');
  await inMeeting(grace);
  say('the decision arrives after a restart');

  await ask('stop');
  await alan.getByText('Connection lost. Reconnecting… You keep your place.').waitFor();
  await ask('start and admit');
  await inMeeting(alan);
  say('so does a decision from while the guest was away');
});
