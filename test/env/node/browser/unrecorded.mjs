// A server without recordings offers neither to record nor a list of recordings.
import { check, foyer, test } from './browser.mjs';
import { button, host, join } from './people.mjs';

test(async () => {
  const ada = await host('Ada Lovelace', 'Off the record');
  check(!(await ada.getByRole('link', { name: 'Recordings' }).isVisible()), 'there is no list of recordings');
  await join(ada);
  await button(ada, 'More').click();
  await ada.getByRole('menuitem', { name: 'End for everybody' }).waitFor();
  check(!(await ada.getByRole('menuitem', { name: /Record/ }).isVisible()), 'nothing offers to record');
  await ada.goto(`${foyer}/recordings`);
  await ada.getByText('This server does not record meetings.').waitFor();
});
