// A meeting works in the oldest browsers in README.md, with site data blocked, and when a part of the meeting
// breaks. Where a browser cannot hold a meeting, the page says so.
import { accessible, check, foyer, person, say, screenshot, test } from './browser.mjs';
import { both, breaks, newer, noDialogs, noMedia, noWebRTC } from './missing.mjs';
import { admit, button, guest, heading, host, inMeeting, join, knock, roomURL, sees, showPeople } from './people.mjs';

const broken = 'This part of the page has failed. Your meeting continues.';

async function isBelow(page, text) {
  const { y, height } = await page.getByText(text).boundingBox();
  const window = page.viewportSize().height;
  check(y > window / 2 && y + height <= window, `“${text}” is at the bottom, not at ${y}`);
}

async function choose(page, menu, item) {
  await button(page, menu).click();
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

async function write(page, text) {
  await page.getByRole('textbox', { name: 'Message to everybody' }).fill(text);
  await page.getByRole('textbox', { name: 'Message to everybody' }).press('Enter');
}

test(async () => {
  const ada = await host('Ada Lovelace', 'Old times', { before: newer });
  const room = roomURL(ada);
  await button(ada, 'Account: Ada Lovelace').click();
  const preferences = ada.getByRole('menuitem', { name: 'Preferences' });
  await preferences.waitFor();
  check(await preferences.evaluate((item) => item === document.activeElement), 'the menu has the focus');
  await accessible(ada, 'a menu without popovers');
  await screenshot(ada, 'menu-without-popovers');
  await ada.keyboard.press('Escape');
  await preferences.waitFor({ state: 'hidden' });
  await button(ada, 'Account: Ada Lovelace').click();
  await preferences.waitFor();
  await heading(ada, 'Old times').click();
  await preferences.waitFor({ state: 'hidden' });
  await choose(ada, 'Account: Ada Lovelace', 'Preferences');
  await ada.getByRole('dialog', { name: 'Preferences' }).getByRole('button', { name: 'Save' }).click();
  await ada.getByText('Saved.').waitFor();
  await isBelow(ada, 'Saved.');
  await ada.goto(foyer);
  await choose(ada, 'More actions for Old times', 'Room settings');
  const settings = ada.getByRole('dialog', { name: 'Room settings' });
  await settings.getByRole('button', { name: 'Save' }).click();
  await settings.getByText('Saved.').waitFor();
  await settings.getByRole('button', { name: 'Close' }).click();
  await settings.waitFor({ state: 'hidden' });
  await isBelow(ada, 'Saved.');
  await ada.goto(room);
  await join(ada);
  await choose(ada, 'More', 'Lock room');
  await ada.getByText('Locked', { exact: true }).waitFor();
  await choose(ada, 'More', 'Unlock room');
  await ada.getByText('Locked', { exact: true }).waitFor({ state: 'hidden' });
  say('menus and toasts work without popovers');

  const grace = await guest('Grace', room, { before: both });
  await admit(ada, 'Grace');
  await inMeeting(grace);
  await Promise.all([sees(ada, 'Picture of Grace'), sees(grace, 'Picture of Ada Lovelace')]);
  await choose(ada, 'More actions for Grace', 'Mute');
  await button(grace, 'Turn microphone on').waitFor();
  say('a guest with site data blocked is in the meeting');

  await button(ada, 'Close panel').click();
  await button(ada, 'Chat').click();
  await write(ada, 'See https://example.org/a?b=c and http://[ too');
  await ada.evaluate(() => { Date.now = () => 9e15; }); // an invalid time
  await write(ada, 'When is this?');
  await grace.getByRole('button', { name: /^Chat/ }).click();
  for (const page of [ada, grace]) {
    await page.getByRole('link', { name: 'https://example.org/a?b=c' }).waitFor();
    await page.getByText('When is this?').waitFor();
  }
  await write(grace, 'From an origin that is not secure');
  await ada.getByText('From an origin that is not secure').waitFor();
  check(!(await grace.getByText(broken).isVisible()), 'no part of the page has broken');
  say('no message breaks the chat');

  const alan = await guest('Alan', room, { before: breaks });
  await button(ada, 'Close panel').click();
  await admit(ada, 'Alan');
  await inMeeting(alan);
  await alan.getByText(broken).waitFor();
  await screenshot(alan, 'broken-part');
  await accessible(alan, 'a meeting with a broken part');
  await button(alan, 'Raise hand').click();
  await (await showPeople(ada)).getByRole('listitem').filter({ hasText: 'Alan' }).getByText('Hand raised').waitFor();
  await button(alan, 'Leave').click();
  await heading(alan, 'You have left the meeting').waitFor();
  say('a guest with a broken part stays in the meeting');

  const mary = await person('Mary', { before: noMedia });
  await mary.goto(room);
  await knock(mary);
  await admit(ada, 'Mary');
  await heading(mary, 'Sound and picture do not get through').waitFor();
  await mary.getByText('A firewall or VPN may be in the way').waitFor();
  await button(mary, 'Join again').waitFor();
  await screenshot(mary, 'unreachable');
  say('a guest without media is told so');

  const joan = await person('Joan', { before: noWebRTC });
  await joan.goto(room);
  await joan.getByText('This browser cannot join meetings').waitFor();
  check(!(await button(joan, 'Ask to join').isVisible()), 'such a browser does not offer to knock');
  check(!(await joan.locator('video').count()), 'such a browser does not turn the camera on');
  await accessible(joan, 'an entrance without WebRTC');

  const rosa = await person('Rosa', { before: noDialogs, locale: 'fr-FR' });
  await rosa.goto(room);
  await rosa.getByText('Ce navigateur est trop ancien pour Foyer.').waitFor();
  await screenshot(rosa, 'too-old');
  await accessible(rosa, 'the page in a browser that is too old');

  const html = await (await fetch(foyer)).text(); // Chromium without scripts in a test hides <noscript> too
  check(/<noscript>[^]*Foyer needs JavaScript[^]*<\/noscript>/.test(html), 'a browser without scripts says so');

  const ida = await person('Ida');
  await ida.route('**/assets/*.js', (route) => route.abort());
  await ida.goto(foyer);
  await ida.getByText('The page could not be loaded.').waitFor();
  say('browsers in which the page cannot work show a sentence');
});
