// Questions about code, in the real editor with the real server. Only the remote model's part is played, by a
// provider on loopback. The scenarios of one window build on each other: what was allowed stays allowed.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

const PRICES = `def total(rows):
    result = 0
    for row in rows:
        result += row["prize"]
    return result


def mean(rows):
    return total(rows) / len(rows)
`;

/** What the editor's own JSON finds fault with. */
const RATES = `{
  "width": 20,
  "rates": [1, 2, 3,]
}
`;
const MENDED = RATES.replace('3,', '3');

/** In no file of the project, and none of a provider's form. */
const KEY = ['key', 'for', 'the', 'house', '4711'].join('-');

const EXPLAINED = [
  { text: '`total` adds what all rows hold [S2].\n\n' },
  { pauseMs: 1500 },
  { text: 'A row without a `prize` ends it [S2].\n' },
];
const ANSWERS = [
  EXPLAINED,
  [{ text: `\`\`\`json\n${MENDED}\`\`\`\n` }],
  [{ text: 'A row has a price [S2].\n\n' }, { text: 'And it ' }, { hold: true }],
  [{ text: 'Once more: a row has a price [S2].\n\n' }, { text: 'And it ' }, { hold: true }],
  [{ text: 'No: an empty list sums to 0 [S2].\n' }],
];

const WINDOW = { answers: ANSWERS, unready: true };

export const scenarios = [];
const scenario = (name, run) => scenarios.push({ name, run, window: WINDOW });

/** Opens the file with the cursor on a line. */
async function begin(editor, line = 4) {
  await editor.openFile('prices.py', PRICES);
  await editor.goto(line);
}

/** The answer's view, by the texts of its parts. */
async function view(editor) {
  const frame = await editor.frame('#sources');
  const text = async (part) => (await frame.locator(part).innerText()).replaceAll('\u00a0', ' ');
  return {
    frame,
    text,
    shows: (words) => editor.until(`the answer shows ${words}`, async () => (await text('body')).includes(words)),
  };
}

/** All files below a folder. */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

scenario('a key is stored by a command: in no setting, log or argument', async (editor) => {
  await editor.command('Foretoken: Set an API Key');
  const box = editor.page.locator('.quick-input-widget input');
  await editor.until('the key is asked for', async () => (await box.getAttribute('type')) === 'password');
  await editor.page.keyboard.insertText(KEY);
  await editor.press('Enter');
  await editor.message(/house/u);
  const file = join(editor.home, '.config/foretoken/keys.toml');
  assert.ok(readFileSync(file, 'utf8').includes(KEY));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const others = filesBelow(editor.home).filter((path) => path !== file && existsSync(path) && readFileSync(path).includes(KEY));
  assert.deepEqual(others, []);
  assert.ok(!editor.said.includes(KEY));
  await editor.clearMessages();
});

scenario('what was not allowed is not sent, and the answer is what can be said without a model', async (editor) => {
  await begin(editor);
  await editor.command('Foretoken: Explain the Selection');
  await editor.message(/code of .* would be sent to house/u);
  await editor.clickMessage('Not now');
  const { shows } = await view(editor);
  await shows('not allowed');
  assert.equal(editor.provider.requests.length, 0);
});

scenario('an explanation is allowed once, streams in, and leads to its sources', async (editor, picture) => {
  await begin(editor);
  await editor.command('Foretoken: Explain the Selection');
  await editor.message(/would be sent to house/u);
  assert.equal(editor.provider.requests.length, 0);
  await picture('consent');
  await editor.clickMessage('Allow for this project');
  const { frame, text, shows } = await view(editor);
  await shows('adds what all rows hold');
  assert.ok(!(await text('#text')).includes('ends it'));
  assert.ok(await frame.locator('#stop').isVisible());
  await shows('ends it');
  await editor.until('it can not be stopped any more', () => frame.locator('#stop').isHidden());
  const [request] = editor.provider.requests;
  assert.equal(request.authorization, `Bearer ${KEY}`);
  assert.ok(request.body.includes('result += row'));
  await picture('answer');
  const [source] = await frame.locator('#sources li').allInnerTexts();
  const line = Number(/^prices\.py:(\d+)/u.exec(source)?.[1]);
  await frame.locator('#sources a').first().click();
  await editor.until('the cursor stands at the source', () =>
    editor.page.evaluate((at) => document.querySelector('[id="status.editor.selection"]')?.textContent?.startsWith(`Ln ${at},`), line),
  );
});

scenario('a fix is shown before it is made, and one undo takes it back', async (editor, picture) => {
  await editor.openFile('rates.json', RATES);
  await editor.goto(3);
  await editor.page.locator('.squiggly-error, .squiggly-warning').first().waitFor();
  await editor.press('Control+.');
  // The fix of the only fault is the row that is chosen from the start.
  await editor.page.locator('.action-widget .monaco-list-row.focused', { hasText: 'Fix with Foretoken' }).waitFor();
  await editor.press('Enter');
  const apply = editor.page.locator('.monaco-button', { hasText: 'Apply' });
  await apply.waitFor();
  assert.equal(editor.read('rates.json'), RATES);
  await picture('preview');
  // What has to be confirmed is not chosen from the start.
  await editor.page.locator('.bulk-edit-panel input[type="checkbox"], .refactor-preview input[type="checkbox"], .monaco-list-row input.edit-checkbox').first().check();
  await apply.click();
  await editor.until('the text is mended', async () => (await editor.text('rates.json')) === MENDED);
  await editor.page.locator('.monaco-editor .view-lines').first().click();
  await editor.press('Control+z');
  assert.equal(await editor.text('rates.json'), RATES);
});

scenario('an answer that is stopped ends at the provider too', async (editor) => {
  await begin(editor, 9);
  await editor.command('Foretoken: Explain the Selection');
  const { frame, shows } = await view(editor);
  await shows('A row has a price');
  await frame.locator('#stop').click();
  await shows('cancelled');
  await editor.until('the provider is left', () => editor.provider.hungUp.includes(2));
});

scenario('a server that dies in an answer costs its rest, with one message, and the next one answers', async (editor) => {
  await editor.clearMessages();
  await begin(editor, 9);
  await editor.command('Foretoken: Explain the Selection');
  const { text, shows } = await view(editor);
  await shows('Once more');
  const [pid] = editor.servers();
  process.kill(pid, 'SIGKILL');
  await shows('The server ended before the answer did.');
  assert.ok((await text('#text')).includes('a row has a price'));
  await editor.until('another server runs', () => editor.servers().some((other) => other !== pid));
  await editor.message(/ended unexpectedly and was started again/u);
  assert.equal((await editor.messages()).length, 1);
  await begin(editor);
  await editor.command('Foretoken: Ask About the Selection');
  await editor.page.locator('.quick-input-widget', { hasText: 'What do you want to know?' }).waitFor();
  await editor.page.keyboard.insertText('Does it fail for no rows?');
  await editor.press('Enter');
  // Opening the file anew has closed the view.
  const again = await view(editor);
  await again.shows('an empty list sums to 0');
  assert.ok(editor.provider.requests.at(-1).body.includes('Does it fail for no rows?'));
});
