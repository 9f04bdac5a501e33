// On a phone, 360 pixels wide, in French, in the dark theme: nothing is wider than the window, and all of it can be
// read and reached.
import { accessible, check, foyer, person, say, screenshot, signIn, test } from './browser.mjs';
import { button, fits, heading, roomURL, sees } from './people.mjs';

const phone = {
  locale: 'fr-FR', colorScheme: 'dark', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true,
};

// inspect expects that a page fits and is accessible, and takes a screenshot.
async function inspect(page, name) {
  await fits(page, name);
  await accessible(page, `on a phone: ${name}`);
  await screenshot(page, `phone-${name}`);
}

async function isInView(target, height) {
  const box = await target.boundingBox();
  check(box.y >= 0 && box.y + box.height <= height, `${target} is at ${box.y} of ${height}`);
}

test(async () => {
  const ada = await person('Ada Lovelace', phone);
  await ada.goto(foyer);
  await ada.getByRole('heading', { level: 1 }).waitFor();
  check(await ada.evaluate(() => document.documentElement.lang) === 'fr', 'the page says that it is French');
  await inspect(ada, 'welcome');

  // A new account has the language of the browser.
  await signIn(ada, 'Ada Lovelace');
  await button(ada, 'Compte : Ada Lovelace').tap();
  await ada.getByRole('menuitem', { name: 'Préférences' }).tap();
  const preferences = ada.getByRole('dialog');
  const language = preferences.getByRole('combobox', { name: 'Langue' });
  check(await language.inputValue() === 'fr', 'the language of a new account is French');
  await inspect(ada, 'preferences');
  await preferences.getByRole('button', { name: 'Enregistrer' }).tap();
  await button(ada, 'Nouveau salon').tap();
  const dialog = ada.getByRole('dialog', { name: 'Nouveau salon' });
  await dialog.getByRole('textbox', { name: 'Nom du salon' }).fill('Réunion');
  await inspect(ada, 'new-room');
  await dialog.getByRole('button', { name: 'Créer le salon' }).tap();
  await heading(ada, 'Réunion').waitFor();
  await inspect(ada, 'entrance');
  await ada.setViewportSize({ width: 360, height: 640 });
  await isInView(button(ada, 'Entrer'), 640);
  await screenshot(ada, 'phone-entrance-short');
  await button(ada, 'Entrer').tap();
  await ada.getByRole('navigation', { name: 'Commandes de la réunion' }).waitFor();

  const grace = await person('Grace', { ...phone, colorScheme: 'light' });
  await grace.goto(roomURL(ada));
  await grace.getByRole('textbox', { name: 'Votre nom' }).fill('Grace');
  await button(grace, 'Demander à entrer').tap();
  await heading(grace, 'Votre demande est en attente').waitFor();
  await inspect(grace, 'waiting');
  say('a guest waits');

  const [show, open, name, own] = await Promise.all([
    button(ada, 'Voir'), button(ada, 'Accepter'), ada.getByText('Grace demande à entrer').first(),
    ada.getByText('Ada Lovelace (vous)').first(),
  ].map((one) => one.boundingBox()));
  check(show.y === open.y && show.width === open.width, 'both buttons of a knock are in one line, of one width');
  check(name.y + name.height <= open.y, 'and below the name of the guest');
  check(own.y > open.y + open.height, 'nothing covers the names in the pictures');
  await inspect(ada, 'knock');
  await button(ada, 'Accepter').tap(); // over the pictures
  await sees(grace, 'Image de Ada Lovelace');
  await sees(ada, 'Image de Grace');
  await inspect(grace, 'meeting');
  const stops = await grace.locator('video').evaluateAll((all) => all.filter((video) => video.tabIndex >= 0).length);
  check(stops === 0, 'no picture is a stop of the Tab key');
  await ada.getByRole('button', { name: /^Participants/ }).tap();
  await ada.getByRole('complementary', { name: 'Participants et discussion' }).waitFor();
  await inspect(ada, 'people');
  say('they see each other');

  await ada.goto(`${foyer}/recordings`);
  await ada.getByRole('heading', { level: 1 }).waitFor();
  await inspect(ada, 'recordings');
  await ada.goto(foyer);
  await ada.getByRole('link', { name: 'Réunion' }).waitFor();
  await inspect(ada, 'rooms');

  await ada.route('**/graphql', (route) => route.abort());
  await button(ada, 'Plus d’actions pour Réunion').tap();
  await ada.getByRole('menuitem', { name: 'Paramètres du salon' }).tap();
  await button(ada, 'Réessayer').waitFor();
  await inspect(ada, 'settings-away');
  await ada.unroute('**/graphql');
  await button(ada, 'Réessayer').tap();
  await ada.getByRole('textbox', { name: 'Nom du salon' }).waitFor();
  say('settings that could not be loaded are loaded again');
});
