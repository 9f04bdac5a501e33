// A meeting: the host makes a room, two guests knock, one is admitted and one denied; they see each
// other; the host mutes one, and removes the other for the meeting, who does not get back in.
import { accessible, check, person, say, screenshot, test } from './browser.mjs';
import { act, admit, button, guest, heading, host, inCall, join, knock, roomURL, sees, showPeople } from './people.mjs';

test(async () => {
  const stranger = await person('Stranger');
  await stranger.goto(new URL('/', process.argv[2]).href);
  await heading(stranger, 'Meetings with a front door').waitFor();
  await accessible(stranger, 'the first page');
  await stranger.context().close();

  const ada = await host('Ada Lovelace', 'Weekly');
  const room = roomURL(ada);
  await accessible(ada, 'the entrance');
  await screenshot(ada, 'entrance');
  await join(ada);
  say('the host is in the call');

  const [grace, alan] = await Promise.all([guest('Grace', room), guest('Alan', room)]);
  await accessible(grace, 'the waiting screen');
  await screenshot(grace, 'waiting');
  await showPeople(ada);
  await button(ada, 'Admit Alan').waitFor();
  await button(ada, 'Admit Grace').waitFor();
  await accessible(ada, 'the call, with people waiting');
  await screenshot(ada, 'call-waiting');
  say('the host sees both who knock');

  await admit(ada, 'Grace');
  await button(ada, 'Deny Alan').click();
  await inCall(grace);
  await heading(alan, 'You were not let in').waitFor();
  await accessible(alan, 'the screen of who was denied');
  say('one is admitted, and one denied');

  await Promise.all([sees(ada, 'Picture of Grace'), sees(grace, 'Picture of Ada Lovelace')]);
  say('they see each other');

  await button(grace, 'Turn microphone off').waitFor();
  await act(ada, 'Grace', 'Mute');
  await button(grace, 'Turn microphone on').waitFor();
  await showPeople(ada).then((panel) => panel.getByRole('listitem').filter({ hasText: 'Grace' }).getByText('Microphone off').waitFor());
  say('the host has muted the guest');

  // The setting FOYER_DENIED_FOR is a second here.
  await button(alan, 'Ask again').click();
  await knock(alan);
  await admit(ada, 'Alan');
  await inCall(alan);
  await Promise.all([sees(alan, 'Picture of Ada Lovelace'), sees(alan, 'Picture of Grace'), sees(ada, 'Picture of Alan')]);
  await screenshot(ada, 'call');
  await accessible(ada, 'the call of three');
  say('three see each other');

  await act(ada, 'Alan', 'Remove…');
  const dialog = ada.getByRole('dialog', { name: 'Remove Alan?' });
  await dialog.getByRole('radio', { name: /^Not in this meeting/ }).check();
  await accessible(ada, 'the dialog that removes');
  await dialog.getByRole('button', { name: /^Remove/ }).click();
  await heading(alan, 'You cannot enter this room').waitFor();
  await accessible(alan, 'the screen of who was banned');
  await screenshot(alan, 'banned');
  await alan.reload();
  await alan.getByRole('textbox', { name: 'Your name' }).fill('Alan');
  await button(alan, 'Ask to join').click();
  await heading(alan, 'You cannot enter this room').waitFor();
  check(!(await button(ada, 'Admit Alan').isVisible()), 'the host is not asked again');
  say('who is banned does not get back in');

  await button(grace, 'Leave').click();
  await heading(grace, 'You have left the meeting').waitFor();
  await ada.getByRole('heading', { name: 'In the meeting (1)' }).waitFor();
});
