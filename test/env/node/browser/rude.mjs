// A participant with a hostile program: with LiveKit's client, but without the page, it sends invalid messages, far
// too long messages, and far too many. The chat of all others continues to work.
import { readFile } from 'node:fs/promises';
import { check, foyer, person, say, screenshot, signIn, test } from './browser.mjs';
import { button, heading, join, roomURL } from './people.mjs';

const client = new URL('../../../../web/node_modules/livekit-client/dist/livekit-client.umd.js', import.meta.url);

// Runs in a page: joins the meeting with a token of an open room, and sends what Foyer's page never sends.
async function attack(slug) {
  const ask = async (query, variables) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch('/graphql', { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    const { data, errors } = await answer.json();
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  const { room: { id } } = await ask('query ($slug: String!) { room(slug: $slug) { id } }', { slug });
  const { createRoomToken: { connectionDetails: { serverUrl, participantToken } } } = await ask(
    `mutation ($input: CreateRoomTokenInput!) { createRoomToken(input: $input) {
      connectionDetails { serverUrl participantToken } } }`, { input: { roomId: id, displayName: 'Mallory' } });
  const room = new LivekitClient.Room();
  await room.connect(serverUrl, participantToken);
  const me = room.localParticipant;
  const packet = (payload) => me.publishData(payload, { reliable: true, topic: 'lk-chat-topic' });
  const write = (text) => packet(new TextEncoder().encode(text));

  await packet(new Uint8Array([0xff, 0xfe, 0x00]));
  for (const text of ['', '{', 'null', '5', '"text"', '[]', '{}', '{"message": null}', '{"message": {"a": 1}, "id": {}}',
    '{"message": ["a"], "timestamp": "now"}']) await write(text);
  const bytes = await me.streamBytes({ name: 'file', topic: 'lk.chat', mimeType: 'image/png' });
  await bytes.write(new Uint8Array([1, 2, 3]));
  await me.sendText('0123456789'.repeat(20_000), { topic: 'lk.chat' });
  for (let n = 1; n <= 2_000; n++) await write(JSON.stringify({ message: `Spam ${n}`, timestamp: -1, id: 'same' }));
  window.mallory = room;
}

async function write(page, text) {
  const box = page.getByRole('textbox', { name: 'Message to everybody' });
  await box.fill(text);
  await box.press('Enter');
}

test(async () => {
  const ada = await person('Ada Lovelace');
  await signIn(ada, 'Ada Lovelace');
  await button(ada, 'New room').click();
  const dialog = ada.getByRole('dialog', { name: 'New room' });
  await dialog.getByRole('textbox', { name: 'Name of the room' }).fill('Open house');
  await dialog.getByRole('radio', { name: /^Everybody/ }).check();
  await dialog.getByRole('button', { name: 'Create room' }).click();
  await heading(ada, 'Open house').waitFor();
  const room = roomURL(ada);
  await join(ada);
  await button(ada, 'Chat').click();
  const grace = await person('Grace');
  await grace.goto(room);
  await grace.getByRole('textbox', { name: 'Your name' }).fill('Grace');
  await join(grace);
  await write(ada, 'Welcome');
  await grace.getByRole('button', { name: 'Chat, 1 unread' }).click();

  const mallory = await person('Mallory');
  await mallory.goto(foyer);
  await mallory.evaluate(await readFile(client, 'utf8'));
  await mallory.evaluate(attack, new URL(room).pathname.slice(1));
  say('everything has been sent');

  for (const page of [ada, grace]) await page.getByText('Spam 2000', { exact: true }).waitFor();
  await write(grace, 'Does the chat still work?');
  await write(ada, 'It does.');
  for (const page of [ada, grace]) {
    await page.getByText('Does the chat still work?').waitFor();
    await page.getByText('It does.').waitFor();
    const log = page.getByRole('log');
    const lines = await log.getByRole('listitem').count();
    check(lines <= 500, `${page.who} is shown ${lines} messages`);
    check(!(await page.getByText('This part of the page has failed.').count()), `${page.who}: a part of the page has failed`);
    check(!/object Object|undefined|null/.test(await log.innerText()), 'invalid messages are not shown');
  }
  await screenshot(ada, 'rude-chat');
  say('the chat still works');
});
