// Pasted links, addresses and texts: each link leads to its room, an address without a page says so, a message keeps
// its line breaks, and the page names the bad ones of many e-mail addresses.
import { accessible, check, foyer, person, say, screenshot, test } from './browser.mjs';
import { button, fits, guest, heading, host, join, showPeople } from './people.mjs';

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

// make creates a room with a chosen address, which the server may normalise.
async function make(page, name, slug) {
  await page.goto(foyer);
  await button(page, 'New room').click();
  const dialog = page.getByRole('dialog', { name: 'New room' });
  await dialog.getByRole('textbox', { name: 'Name of the room' }).fill(name);
  await dialog.getByRole('textbox', { name: 'Address (optional)' }).fill(slug);
  await dialog.getByRole('button', { name: 'Create room' }).click();
  await heading(page, name).waitFor();
}

async function find(page, text) {
  await page.goto(foyer);
  await page.getByRole('textbox', { name: 'Room link or code' }).fill(text);
  await button(page, 'Go to the room').click();
}

async function findsRooms(ada, eve) {
  const rooms = { Daily: 'team_daily', Apostrophe: "Ada's room", Street: 'Straße 5' };
  for (const [name, slug] of Object.entries(rooms)) {
    await make(ada, name, slug);
    const link = ada.url();
    for (const text of [slug, link, `${link}/`, `${link}.`, `${link}?utm_source=x#y`, ` ${link.replace(/^https?:\/\//, '')} `]) {
      await find(eve, text);
      await heading(eve, name).waitFor();
      check(eve.url() === link, `${text} leads to ${eve.url()}, not ${link}`);
    }
    for (const end of ['/', '.', '/?utm_source=x']) {
      await eve.goto(link + end);
      await heading(eve, name).waitFor();
      check(eve.url() === link + end.slice(1), `${link}${end} leads to ${eve.url()}`);
    }
  }
  await find(eve, `${foyer}/no-such-room`);
  await eve.getByText('There is no room with this link or code.').waitFor();
  await accessible(eve, 'home with a link that leads nowhere');
  await screenshot(eve, 'join-nothing');
  say('every link and code leads to its room');
}

async function findsNothing(eve) {
  for (const path of ['/a/b', '/robots.txt', '/recordings/a/b', '/team_daily.html']) {
    const answer = await eve.goto(foyer + path);
    check(answer.status() === 404, `${path} answers ${answer.status()}`);
    await heading(eve, 'There is nothing here').waitFor();
  }
  await accessible(eve, 'an address with nothing at it');
  await screenshot(eve, 'nothing');
  const small = await person('Phone', phone);
  await small.goto(`${foyer}/a/b`);
  await heading(small, 'There is nothing here').waitFor();
  await fits(small, 'an address with nothing at it');
  await screenshot(small, 'nothing-phone');
  await small.goto(`${foyer}/${'room'.repeat(50)}`);
  await heading(small, 'There is no such room').waitFor();
  await fits(small, 'the address of no room');
  await small.goto(`${foyer}/%E2%80%AEmoor`);
  await small.getByText('There is no room at “moor”. Check the link').waitFor();
  say('an address without a page says so');
}

async function keepsLines(ada, room) {
  const grace = await guest('Grace', room, phone);
  await showPeople(ada);
  await button(ada, 'Message to waiting guests').click();
  const dialog = ada.getByRole('dialog');
  await dialog.getByRole('textbox').pressSequentially('We begin at 10.');
  await dialog.getByRole('textbox').press('Enter');
  await dialog.getByRole('textbox').pressSequentially('Until then: tea.');
  await dialog.getByRole('button', { name: 'Show message' }).click();
  await dialog.waitFor({ state: 'hidden' });
  for (const page of [grace, ada]) {
    const message = page.getByText('Until then: tea.');
    await message.waitFor();
    check((await message.innerText()).includes('10.\nUntil'), `${page.who} sees ${await message.innerText()}`);
  }
  await screenshot(grace, 'message-lines-phone');
  await screenshot(ada, 'message-lines');
  await fits(grace, 'waiting with a message');
  say('a message keeps its line breaks');
}

async function names(page, label) {
  await page.goto(foyer);
  await button(page, 'More actions for Daily').click();
  await page.getByRole('menuitem', { name: 'Room settings' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('tab', { name: 'Invite' }).click();
  const text = dialog.getByRole('textbox', { name: 'E-mail addresses' });
  const send = () => dialog.getByRole('button', { name: 'Send invitations' }).click();
  await text.fill('Bob Example <bob@example.org>, "Eve, X." <eve@example.org>; Lovelace, Ada <ada@example.org>\n' +
    'carl@example.org dora@müller.example,pat@example,org, nobody');
  await send();
  const bad = dialog.getByRole('listitem');
  await bad.first().waitFor();
  check((await bad.allInnerTexts()).join('|') === 'pat@example,org|nobody', `named: ${await bad.allInnerTexts()}`);
  await accessible(page, 'bad addresses');
  await fits(page, 'bad addresses');
  await screenshot(page, `bad-addresses${label}`);
  await button(page, 'Keep the other 5 addresses').click();
  check((await text.inputValue()).split('\n').length === 5, await text.inputValue());
  await send();
  await page.getByText('5 invitations are on their way.').waitFor();
  say('the page names bad addresses, and keeps the others');
}

test(async () => {
  const ada = await host('Ada Lovelace', 'Links');
  const room = ada.url();
  await join(ada);
  await keepsLines(ada, room);

  const hopper = await person('Grace Hopper', { timezoneId: 'America/New_York' });
  await hopper.goto(foyer);
  await hopper.getByRole('main').getByRole('link', { name: 'Sign in' }).click();
  await hopper.getByRole('button', { name: 'Grace Hopper' }).click();
  await button(hopper, 'New room').waitFor();
  const { data } = await hopper.evaluate(() => fetch('/graphql', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query": "{ viewer { timeZone } }"}',
  }).then((answer) => answer.json()));
  check(data.viewer.timeZone === 'America/New_York', `a new account is in ${data.viewer.timeZone}`);
  say('a new account has the time zone of the browser');

  const eve = await person('Eve');
  await findsRooms(hopper, eve);
  await findsNothing(eve);
  await names(hopper, '');
  await hopper.setViewportSize(phone.viewport);
  await names(hopper, '-phone');
});
