// GraphiQL: only by clicks on examples, a person signs in as a host, creates a room, watches its lobby, and admits a
// guest who asks to enter.
import { check, foyer, graphql, person, say, screenshot, signIn, test, until } from './browser.mjs';

test(async () => {
  const page = await person('Ada');
  await signIn(page, 'Ada Lovelace', '/graphiql');
  const examples = page.getByRole('region', { name: 'Examples' });
  await examples.getByText('Signed in as Ada Lovelace.').waitFor();
  const result = page.getByRole('region', { name: 'Result Window' });

  const open = async (name, query) => {
    await examples.getByRole('button', { name, exact: true }).click();
    await page.getByRole('region', { name: 'Query Editor' }).getByText(query).first().waitFor();
  };
  const run = () => page.getByRole('button', { name: /^Execute query/ }).click();

  await open('Create a room', 'createRoom');
  await run();
  await result.getByText('"OWNER"').waitFor();
  say('a room is created');

  await open('Watch the lobby', 'totalCount');
  const variables = await page.getByRole('region', { name: 'Variables' }).textContent();
  const roomId = /[0-9a-f-]{36}/.exec(variables)?.[0];
  check(roomId, `the room's id is filled in: ${variables}`);
  await run();
  await result.getByText('totalCount').waitFor();
  await page.getByRole('button', { name: /^Stop query/ }).waitFor();
  say('the lobby is watched');

  await graphql('mutation($input: RequestEntryInput!) { requestEntry(input: $input) { ticket } }',
    { input: { roomId, displayName: 'Grace' } });
  await result.getByText('"Grace"').waitFor();
  await screenshot(page, 'graphiql');
  say('the guest is in the list immediately');
  await page.getByRole('button', { name: /^Stop query/ }).click();

  await open('Admit', 'admitEntry');
  await run();
  await result.getByText('"ADMITTED"').waitFor();
  say('and is admitted');

  // GraphiQL's other panels obey the security policy too.
  await page.getByRole('button', { name: 'Open settings dialog' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Dark', exact: true }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Show Documentation Explorer' }).click();
  await page.getByRole('region', { name: 'Documentation Explorer' }).getByText('Root Types').waitFor();
  await page.getByRole('button', { name: 'Show Examples' }).click();
  say('settings and documentation open');

  // Without the cookie there is no viewer.
  await examples.getByRole('checkbox', { name: /^Send as a guest/ }).check();
  await open('Who am I', 'viewer');
  await run();
  await until(page, () => /"viewer": null/.test(document.querySelector('.result-window').innerText));
  check(page.url() === `${foyer}/graphiql`, page.url());
});
