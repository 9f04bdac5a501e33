// After the meeting, the page names a host as the cause only when a host was.
import { ask, check, say, test } from './browser.mjs';
import { act, admit, guest, heading, host, inMeeting, join, roomURL } from './people.mjs';

const sentBack = (page) => page.getByText('A host has moved you to the lobby.');
const removed = (page) => heading(page, 'You were removed');

test(async () => {
  const ada = await host('Ada Lovelace', 'Weekly');
  await join(ada);
  const grace = await guest('Grace', roomURL(ada));
  await admit(ada, 'Grace');
  await inMeeting(grace);

  await act(ada, 'Grace', 'Move to lobby');
  await sentBack(grace).waitFor();
  await admit(ada, 'Grace');
  await inMeeting(grace);
  say('a guest whom a host returned to the lobby reads that');

  await ask('remove Grace, and see Grace come back');
  await inMeeting(grace);
  check(!(await removed(grace).isVisible()) && !(await sentBack(grace).isVisible()), 'no host did anything');
  say('a person whom Foyer removed, and who may enter, returns');

  await ask('forget everything and remove Grace');
  await heading(grace, 'Waiting to be let in').waitFor();
  await grace.getByText('The hosts of Weekly can see that you are here.').waitFor();
  check(!(await sentBack(grace).isVisible()), 'no host returned Grace to the lobby');
  say('a person who has to ask again without the decision of a host reads nothing about a host');
});
