// A meeting: the host creates a room, two guests knock, the host admits one and denies the other; they see each
// other; the host mutes one guest and bans the other for the meeting, who does not get in again.
import { accessible, check, person, say, screenshot, test } from './browser.mjs';
import { act, admit, button, guest, heading, host, inMeeting, join, roomURL, sees, showPeople } from './people.mjs';

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
  await button(ada, 'Copy link').click();
  await ada.getByText('Link copied.').or(ada.getByText(room)).waitFor();
  await join(ada);
  say('the host is in the meeting');

  const [grace, alan] = await Promise.all([guest('Grace', room), guest('Alan', room)]);
  await accessible(grace, 'the waiting screen');
  await screenshot(grace, 'waiting');
  await showPeople(ada);
  await button(ada, 'Admit Alan').waitFor();
  await button(ada, 'Admit Grace').waitFor();
  await accessible(ada, 'the meeting, with waiting guests');
  await screenshot(ada, 'meeting-waiting');
  say('the host sees both guests');

  await admit(ada, 'Grace');
  await button(ada, 'Deny Alan').click();
  await heading(alan, 'You were not let in').waitFor();
  const again = alan.getByRole('button', { name: /^Ask again in \d+ s$/ });
  check(await again.getAttribute('aria-disabled') === 'true', 'a denied guest has to wait, and sees how long');
  await screenshot(alan, 'denied');
  await inMeeting(grace);
  await accessible(alan, 'the page of a denied guest');
  say('one is admitted, and one denied');

  await Promise.all([sees(ada, 'Picture of Grace'), sees(grace, 'Picture of Ada Lovelace')]);
  say('they see each other');

  await button(grace, 'Turn microphone off').waitFor();
  await act(ada, 'Grace', 'Mute');
  await button(grace, 'Turn microphone on').waitFor();
  await showPeople(ada).then((panel) => panel.getByRole('listitem').filter({ hasText: 'Grace' }).getByText('Microphone off').waitFor());
  const muted = grace.getByText('Somebody in the meeting has muted you.');
  await muted.waitFor();
  await accessible(grace, 'the meeting of a muted guest');
  await screenshot(grace, 'muted');
  await button(grace, 'Turn microphone on').click();
  await muted.waitFor({ state: 'hidden' });
  await button(grace, 'Turn microphone off').click();
  await button(grace, 'Turn microphone on').waitFor();
  check(!(await muted.isVisible()), 'no notice to a guest who turned the microphone off');
  say('a guest whom the host muted is told so');

  // The setting FOYER_DENIED_FOR is 20 seconds here.
  const waits = heading(alan, 'Waiting to be let in');
  do {
    await button(alan, 'Ask again').click();
    await alan.getByRole('textbox', { name: 'Your name' }).fill('Alan');
    await button(alan, 'Ask to join').click();
    await waits.or(heading(alan, 'You were not let in')).waitFor(); // for the server it may be a moment too early
  } while (!(await waits.isVisible()));
  await admit(ada, 'Alan');
  await inMeeting(alan);
  await Promise.all([sees(alan, 'Picture of Ada Lovelace'), sees(alan, 'Picture of Grace'), sees(ada, 'Picture of Alan')]);
  await screenshot(ada, 'meeting');
  await accessible(ada, 'the meeting of three');
  say('three see each other');

  await button(grace, 'Chat').click();
  const message = grace.getByRole('textbox', { name: 'Message to everybody' });
  await message.fill('Notes <b>are</b> at https://example.org/notes?a=1&b=2.');
  await message.press('Enter');
  await alan.getByRole('button', { name: /^Chat/ }).click();
  const link = alan.getByRole('link', { name: 'https://example.org/notes?a=1&b=2', exact: true });
  await link.waitFor();
  check(await link.evaluate(({ href, rel, target }) => `${href} ${rel} ${target}`) ===
    'https://example.org/notes?a=1&b=2 noopener noreferrer _blank', 'the link leads elsewhere, in a window of its own');
  await alan.getByText('Notes <b>are</b> at').waitFor();
  await accessible(alan, 'the chat');
  await screenshot(alan, 'chat');
  say('an address in the chat is a link');

  await act(ada, 'Alan', 'Remove…');
  const dialog = ada.getByRole('dialog', { name: 'Remove Alan?' });
  await dialog.getByRole('radio', { name: /^Not in this meeting/ }).check();
  await accessible(ada, 'the dialog that removes');
  await dialog.getByRole('button', { name: /^Remove/ }).click();
  await heading(alan, 'You cannot enter this room').waitFor();
  await accessible(alan, 'the page of a banned guest');
  await screenshot(alan, 'banned');
  await alan.reload();
  await alan.getByRole('textbox', { name: 'Your name' }).fill('Alan');
  await button(alan, 'Ask to join').click();
  await heading(alan, 'You cannot enter this room').waitFor();
  check(!(await button(ada, 'Admit Alan').isVisible()), 'the banned guest does not wait');
  say('a banned guest does not get in again');

  await button(grace, 'Leave').click();
  await heading(grace, 'You have left the meeting').waitFor();
  await ada.getByRole('heading', { name: 'In the meeting (1)' }).waitFor();
});
