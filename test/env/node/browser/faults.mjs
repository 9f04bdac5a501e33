// What fails in a dialog is said in the dialog; what fails elsewhere is said below on the screen, until it works.
import { accessible, check, person, say, screenshot, test } from './browser.mjs';
import { button, fits, guest, heading, host, inCall, join, roomURL, showPeople } from './people.mjs';

const away = 'No connection to the server. Check your network.';

// without has an operation fail while something is done.
async function without(page, operation, act) {
  const fail = (route) => (route.request().postData()?.includes(operation) ? route.abort() : route.fallback());
  await page.route('**/graphql', fail);
  await act();
  await page.unroute('**/graphql', fail);
}

// inside wants a dialog to say itself what has failed, and nothing else to.
async function inside(page, dialog, operation, act) {
  await without(page, operation, async () => {
    await act();
    await dialog.getByRole('alert').getByText(away).waitFor();
  });
  check((await page.getByText(away).count()) === 1, `${operation}: the fault is said once`);
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
  check(y > ada.viewportSize().height / 2, `a toast is below on the screen, not at ${y}`);
  await screenshot(ada, 'toast');
  await choose(ada, 'Lock room');
  await ada.getByText('Locked', { exact: true }).waitFor();
  check((await ada.getByText(away).count()) === 0, 'what has worked is no longer said to have failed');
  await choose(ada, 'Unlock room');
  await ada.getByText('Locked', { exact: true }).waitFor({ state: 'hidden' });
  say('a fault is taken back by what works');

  await without(ada, '"operationName":"Room"', async () => {
    const asked = ada.waitForEvent('requestfailed');
    await choose(ada, 'Lock room');
    await asked;
    await choose(ada, 'Unlock room');
    await ada.getByText('Locked', { exact: true }).waitFor({ state: 'hidden' });
  });
  await inCall(ada);
  say('a call goes on when the room is asked for again in vain');

  const grace = await guest('Grace', room);
  await showPeople(ada);
  await button(ada, 'Message to waiting guests').click();
  await dialog.getByRole('textbox').fill('We begin soon. '.repeat(30).trim());
  const tell = () => dialog.getByRole('button', { name: 'Show message' }).click();
  await inside(ada, dialog, 'SetLobbyMessage', tell);
  await tell();
  await dialog.waitFor({ state: 'hidden' });
  await ada.getByText('Waiting guests see the message now.').waitFor();
  check((await ada.getByText(away).count()) === 0, 'the fault has gone with the dialog');
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
  say('dialogs say what has failed in them');
});
