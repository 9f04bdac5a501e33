// Out of the call: the page says that a host did something only when a host did.
import { ask, check, say, test } from './browser.mjs';
import { act, admit, guest, heading, host, inCall, join, roomURL } from './people.mjs';

const sentBack = (page) => page.getByText('A host has moved you to the lobby.');
const removed = (page) => heading(page, 'You were removed');

test(async () => {
  const ada = await host('Ada Lovelace', 'Weekly');
  await join(ada);
  const grace = await guest('Grace', roomURL(ada));
  await admit(ada, 'Grace');
  await inCall(grace);

  await act(ada, 'Grace', 'Move to lobby');
  await sentBack(grace).waitFor();
  await admit(ada, 'Grace');
  await inCall(grace);
  say('who was sent back by a host reads so');

  await ask('remove Grace, and see Grace come back');
  await inCall(grace);
  check(!(await removed(grace).isVisible()) && !(await sentBack(grace).isVisible()), 'no host did anything');
  say('who was removed by no host, and may enter, comes back');

  await ask('forget everything and remove Grace');
  await heading(grace, 'Waiting to be let in').waitFor();
  await grace.getByText('The hosts of Weekly know that you are here.').waitFor();
  check(!(await sentBack(grace).isVisible()), 'no host has sent Grace back');
  say('who has to ask again, though no host decided so, reads nothing of a host');
});
