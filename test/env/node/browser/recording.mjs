// A recording: the host starts it, all participants are told, and the host stops it, finds it, watches it and
// shares it.
import { accessible, check, person, say, screenshot, test, until } from './browser.mjs';
import { admit, button, guest, heading, host, inMeeting, join, roomURL } from './people.mjs';

const notice = 'You are being recorded.'; // FOYER_RECORDING_NOTICE

async function more(page, item) {
  await button(page, 'More').click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

test(async () => {
  const ada = await host('Ada Lovelace', 'On the record');
  const room = roomURL(ada);
  await join(ada);
  const grace = await guest('Grace', room);
  await admit(ada, 'Grace');
  await inMeeting(grace);
  check(!(await grace.getByText(notice).isVisible()), 'there is no notice without a recording');
  say('two are in the meeting');

  await more(ada, 'Record…');
  const dialog = ada.getByRole('dialog', { name: 'Record the meeting' });
  await accessible(ada, 'the dialog that records');
  await screenshot(ada, 'record-dialog');
  await dialog.getByRole('button', { name: 'Start recording' }).click();
  await Promise.all([ada, grace].map((page) => page.getByRole('alert').getByText(notice).waitFor()));
  await dialog.waitFor({ state: 'hidden' });
  await Promise.all([ada, grace].map((page) => page.getByText('Recording', { exact: true }).waitFor()));
  await accessible(grace, 'the recorded meeting');
  await screenshot(grace, 'recorded');
  await button(grace, 'Got it').click();
  await grace.getByText(notice).waitFor({ state: 'hidden' });
  await grace.getByText('Recording', { exact: true }).waitFor();
  say('both see the notice, and the mark until the recording ends');

  await more(ada, 'Stop recording');
  await Promise.all([ada, grace].map((page) => page.getByText('Recording', { exact: true }).waitFor({ state: 'hidden' })));
  await ada.getByText(notice).waitFor({ state: 'hidden' });
  say('the recording is stopped');

  await button(ada, 'Leave').click();
  await heading(ada, 'You have left the meeting').waitFor();
  await ada.goto(new URL('/', room).href);
  await ada.getByRole('link', { name: 'Recordings', exact: true }).click();
  const row = ada.getByRole('listitem').filter({ has: heading(ada, 'On the record') });
  await row.getByRole('link', { name: /^Download On the record/ }).waitFor();
  check(!(await row.getByText(/Starting|Being saved|Failed/).isVisible()), 'it is saved');
  await accessible(ada, 'the list of recordings');
  await screenshot(ada, 'recordings');
  await row.getByRole('link', { name: 'On the record', exact: true }).click();
  await ada.getByRole('heading', { level: 1, name: 'On the record' }).waitFor();
  await ada.getByLabel('Recording of On the record').waitFor();
  await until(ada, () => document.querySelector('video')?.readyState > 0);
  await accessible(ada, 'the page of a recording');
  say('it is in the list, and plays');

  await ada.getByRole('textbox', { name: 'E-mail address' }).fill('grace@example.org');
  await button(ada, 'Share').click();
  await button(ada, 'Stop sharing with grace@example.org').waitFor();
  await screenshot(ada, 'recording');
  const stranger = await person('Stranger');
  await stranger.goto(ada.url());
  await stranger.getByText('Recordings are for people with an account.').waitFor();
  say('it is shared, and nobody else sees it');

  await button(ada, 'Delete').click();
  await ada.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await ada.getByText('No recordings yet.').waitFor();
});
