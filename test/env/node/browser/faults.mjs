// A dialog shows its own failure. Another failure is a toast at the bottom, until the action succeeds.
import { accessible, check, person, say, screenshot, test } from './browser.mjs';
import { button, fits, guest, heading, host, inMeeting, join, roomURL, showPeople } from './people.mjs';

const away = 'No connection to the server. Check your network.';

// without makes an operation fail during an action.
async function without(page, operation, act) {
  const fail = (route) => (route.request().postData()?.includes(operation) ? route.abort() : route.fallback());
  await page.route('**/graphql', fail);
  await act();
  await page.unroute('**/graphql', fail);
}

// inside expects that the dialog, and nothing else, shows the failure.
async function inside(page, dialog, operation, act) {
  await without(page, operation, async () => {
    await act();
    await dialog.getByRole('alert').getByText(away).waitFor();
  });
  check((await page.getByText(away).count()) === 1, `${operation}: the failure is shown once`);
  await accessible(page, `a dialog after ${operation} has failed`);
}

async function choose(page, item) {
  await button(page, 'More').click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

test(async () => {
  const ada = await host('Ada Lovelace', 'Faults');
  await join(ada);
  const room = roomURL(ada);
  const dialog = ada.getByRole('dialog');

  await without(ada, 'LockRoom', async () => {
    await choose(ada, 'Lock room');
    await ada.getByText(away).waitFor();
  });
  const { y } = await ada.locator('.toast').boundingBox();
  check(y > ada.viewportSize().height / 2, `a toast is at the bottom, not at ${y}`);
  await screenshot(ada, 'toast');
  await choose(ada, 'Lock room');
  await ada.getByText('Locked', { exact: true }).waitFor();
  check((await ada.getByText(away).count()) === 0, 'an action that succeeded removes the failure');
  await choose(ada, 'Unlock room');
  await ada.getByText('Locked', { exact: true }).waitFor({ state: 'hidden' });
  say('a success removes the failure');

  await without(ada, '"operationName":"Room"', async () => {
    const asked = ada.waitForEvent('requestfailed');
    await choose(ada, 'Lock room');
    await asked;
    await choose(ada, 'Unlock room');
    await ada.getByText('Locked', { exact: true }).waitFor({ state: 'hidden' });
  });
  await inMeeting(ada);
  say('a meeting continues when the room cannot be read again');

  const grace = await guest('Grace', room);
  await showPeople(ada);
  await button(ada, 'Message to waiting guests').click();
  await dialog.getByRole('textbox').fill('We begin soon. '.repeat(30).trim());
  const tell = () => dialog.getByRole('button', { name: 'Show message' }).click();
  await inside(ada, dialog, 'SetLobbyMessage', tell);
  await tell();
  await dialog.waitFor({ state: 'hidden' });
  await ada.getByText('Waiting guests see the message now.').waitFor();
  check((await ada.getByText(away).count()) === 0, 'the failure disappeared with the dialog');
  const told = await ada.getByText('Guests see:').boundingBox();
  check(told.height < 60, `a long message is ${told.height} pixels high in the panel`);

  const more = async (item) => {
    await button(ada, 'More actions for Grace').click();
    await ada.getByRole('menuitem', { name: item, exact: true }).click();
  };
  await more('Deny and ban…');
  await inside(ada, dialog, 'DenyEntry', () => dialog.getByRole('button', { name: 'Deny' }).click());
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await choose(ada, 'End for everybody');
  await inside(ada, dialog, 'EndMeeting', () => dialog.getByRole('button', { name: 'End for everybody' }).click());
  await dialog.getByRole('button', { name: 'End for everybody' }).click();
  await heading(ada, 'The meeting is over').waitFor();
  await grace.context().close();

  await ada.getByRole('link', { name: 'Home page' }).click();
  await button(ada, 'More actions for Faults').click();
  await ada.getByRole('menuitem', { name: 'Delete room' }).click();
  await inside(ada, dialog, 'DeleteRoom', () => dialog.getByRole('button', { name: 'Delete room' }).click());
  await dialog.getByRole('button', { name: 'Delete room' }).click();
  await ada.getByText('You have no rooms yet.').waitFor();
  say('dialogs show their failures');
});
