// Actions of people on the page. They find elements by role and name.
import { check, foyer, patience, person, signIn } from './browser.mjs';

export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const heading = (page, name) => page.getByRole('heading', { name, exact: true });

// host opens a window, signs in, creates a room, and returns the page at the entrance of the room.
export async function host(name, room, options) {
  const page = await person(name, options);
  await signIn(page, name);
  await button(page, 'New room').click();
  const dialog = page.getByRole('dialog', { name: 'New room' });
  await dialog.getByRole('textbox', { name: 'Name of the room' }).fill(room);
  await dialog.getByRole('button', { name: 'Create room' }).click();
  await heading(page, room).waitFor();
  return page;
}

export async function join(page) {
  await button(page, 'Join now').click();
  await inMeeting(page);
}

export const inMeeting = (page) => page.getByRole('navigation', { name: 'Meeting controls' }).waitFor();

// guest opens a window without a sign-in, and knocks at a room.
export async function guest(name, room, options) {
  const page = await person(name, options);
  await page.goto(room);
  await knock(page);
  return page;
}

export async function knock(page) {
  await page.getByRole('textbox', { name: 'Your name' }).fill(page.who);
  await button(page, 'Ask to join').click();
  await heading(page, 'Waiting to be let in').waitFor();
}

// showPeople opens the panel with guests and participants, if it is closed.
export async function showPeople(page) {
  const panel = page.getByRole('complementary', { name: 'People and chat' });
  if (!(await panel.isVisible())) await page.getByRole('button', { name: /^People/ }).click();
  await panel.waitFor();
  return panel;
}

export async function admit(page, name) {
  await (await showPeople(page)).getByRole('button', { name: `Admit ${name}` }).click();
}

// act chooses an item in the menu of a participant.
export async function act(page, name, item) {
  await (await showPeople(page)).getByRole('button', { name: `More actions for ${name}` }).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

// sees waits until a frame of the named participant's camera has arrived and been decoded.
export async function sees(page, picture) {
  await page.getByLabel(picture).waitFor();
  await page.waitForFunction(async (label) => {
    const [track] = document.querySelector(`video[aria-label="${label}"]`)?.srcObject?.getVideoTracks() ?? [];
    for (const connection of window.connections) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type === 'inbound-rtp' && report.trackIdentifier === track?.id && report.framesDecoded > 0) return true;
      }
    }
    return false;
  }, picture, { timeout: patience, polling: 500 });
}

// fits fails when a page is wider than its window.
export async function fits(page, where) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(wide <= window, `${where} is ${wide} pixels wide in a window of ${window}`);
}

export const roomURL = (page) => {
  check(/^\/[a-z]{3}-[a-z]{4}-[a-z]{3}$/.test(new URL(page.url()).pathname), page.url());
  return foyer + new URL(page.url()).pathname;
};
