// By keyboard alone: sign in, create a room, join; knock; admit, mute, write, leave.
import { accessible, check, foyer, patience, person, say, test } from './browser.mjs';
import { button, heading, inMeeting, roomURL } from './people.mjs';

const most = 60; // presses of Tab

// tabTo presses Tab until an element has the focus, and expects that the focus is visible.
async function tabTo(page, target) {
  await target.waitFor();
  for (let i = 0; i < most; i++) {
    if (await target.evaluate((element) => element === document.activeElement)) {
      const seen = await target.evaluate((element) => {
        const around = [element, ...element.labels ?? []].map((one) => getComputedStyle(one));
        return element.matches(':focus-visible') && around.some(({ outlineStyle, boxShadow }) => outlineStyle !== 'none' || boxShadow !== 'none');
      });
      check(seen, `${target} has the focus, and does not show it`);
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`${target} is not reached by Tab`);
}

async function press(page, target, key = 'Enter') {
  await tabTo(page, target);
  await page.keyboard.press(key);
}

// choose opens a menu and moves down to one of its items.
async function choose(page, menu, item) {
  await press(page, button(page, menu));
  const wanted = page.getByRole('menuitem', { name: item, exact: true });
  await wanted.waitFor();
  for (let i = 0; i < most && !(await wanted.evaluate((element) => element === document.activeElement)); i++) {
    await page.keyboard.press('ArrowDown');
  }
  await page.keyboard.press('Enter');
  await wanted.waitFor({ state: 'hidden' });
}

test(async () => {
  const ada = await person('Ada Lovelace');
  await ada.goto(foyer);
  await press(ada, ada.getByRole('link', { name: 'Sign in' }).first());
  await press(ada, button(ada, 'Ada Lovelace ada@example.org'));
  await press(ada, button(ada, 'New room'));
  await ada.getByRole('dialog').waitFor();
  await ada.keyboard.type('By hand');
  await ada.keyboard.press('Enter');
  await heading(ada, 'By hand').waitFor();
  const room = roomURL(ada);
  await press(ada, button(ada, 'Join now'));
  await inMeeting(ada);
  say('the host is in the meeting');

  const grace = await person('Grace');
  await grace.goto(room);
  await tabTo(grace, grace.getByRole('textbox', { name: 'Your name' }));
  await grace.keyboard.type('Grace');
  await grace.keyboard.press('Enter');
  await heading(grace, 'Waiting to be let in').waitFor();

  await press(ada, ada.getByRole('button', { name: /^People/ }));
  await press(ada, button(ada, 'Admit Grace'));
  await inMeeting(grace);
  say('the guest is admitted');

  await button(grace, 'Turn microphone off').waitFor();
  await choose(ada, 'More actions for Grace', 'Mute');
  await button(grace, 'Turn microphone on').waitFor();
  await press(grace, button(grace, 'Raise hand'));
  await button(grace, 'Lower hand').waitFor();
  await ada.getByText('Hand raised').first().waitFor();
  say('muted, and a hand is up');

  await press(ada, ada.getByRole('tab', { name: 'People' }), 'ArrowRight');
  await tabTo(ada, ada.getByRole('textbox', { name: 'Message to everybody' }));
  await ada.keyboard.type('Hello, Grace');
  await ada.keyboard.press('Enter');
  await press(grace, grace.getByRole('button', { name: /^Chat/ }));
  await grace.getByText('Hello, Grace').waitFor();
  await accessible(grace, 'the chat');
  await grace.keyboard.press('Escape');
  check(await grace.getByRole('button', { name: /^Chat/ }).evaluate((element) => element === document.activeElement),
    'the focus is back where the panel was opened');
  say('they chat');

  await choose(ada, 'More', 'End for everybody');
  await press(ada, ada.getByRole('dialog').getByRole('button', { name: 'End for everybody' }));
  for (const page of [ada, grace]) await heading(page, 'The meeting is over').waitFor({ timeout: patience });
});
