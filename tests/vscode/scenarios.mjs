// What a user of VS Code does with Foretoken. No scenario knows which words the server offers: it reads
// them from the screen and demands that exactly they are inserted. The fixtures repeat themselves so much
// that any model has something to offer. Scenarios with the same window run in it one after the other.
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Ends where a call is begun that stands above it three times. */
const CALLS = `def report(rows):
    total = 0
    print_table_row("alpha", rows["alpha"], width=20)
    print_table_row("alpha", rows["alpha"], width=20)
    print_table_row("alpha", rows["alpha"], width=20)

    return total
`;

/** Ends where a block is begun whose like stands above it seven times. */
const BLOCKS = `${['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth']
  .map((name, at) => `    try:
        read_${name}()
    except ValueError as error:${at === 7 ? '' : `
        log.exception(error)
        raise`}`)
  .join('\n')}
`;

/** Ends in front of closing brackets. */
const INSIDE = `function draw(canvas, shapes) {
  canvas.push(makeOutline(shapes.first, defaultStroke));
  canvas.push(makeOutline(shapes.first, defaultStroke));
  canvas.push(makeOutline(shapes.first, defaultStroke));
  canvas.push(makeOutline(shapes.first, ));
}
`;

/** Characters of two UTF-16 units left of the cursor. */
const ASTRAL = `def greet(log):
    log.write_line("😀 𝒳é", colour_of_greeting)
    log.write_line("😀 𝒳é", colour_of_greeting)
    log.write_line("😀 𝒳é", colour_of_greeting)

`;

const FILES = { 'calls.py': CALLS, 'blocks.py': BLOCKS, 'inside.js': INSIDE, 'astral.py': ASTRAL };

/** The stand-in that answers. */
const answering = fileURLToPath(new URL('answering.mjs', import.meta.url));

const line = (text, number) => text.split('\n')[number - 1];

/** A fresh copy of a fixture in a tab of its own, with the cursor at the end of a line. */
async function begin(editor, name, number) {
  await editor.openFile(name, FILES[name]);
  await editor.goto(number);
}

export const scenarios = [];
const scenario = (name, run, window = {}) => scenarios.push({ name, run, window });

scenario('ghost text appears in the first file opened, and Tab inserts exactly it', async (editor, shows) => {
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  const ghost = await editor.offered();
  assert.match(ghost, /^able_row\(/u);
  await shows('ghost');
  await editor.press('Tab');
  await editor.until('the ghost text has become text', async () => (await editor.ghost()) !== ghost);
  await shows('accepted');
  assert.equal(line(await editor.text('calls.py'), 6), `    print_t${ghost}`);
});

scenario('one undo takes back what was accepted and nothing else', async (editor) => {
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  const ghost = await editor.offered();
  await editor.press('Tab');
  assert.equal(line(await editor.text('calls.py'), 6), `    print_t${ghost}`);
  await editor.press('Control+z');
  assert.equal(line(await editor.text('calls.py'), 6), '    print_t');
});

scenario('a word is taken, and the rest stays', async (editor, shows) => {
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  const ghost = await editor.offered();
  await editor.press('Control+ArrowRight');
  await editor.until('a part is taken', async () => (await editor.ghost()).length < ghost.length);
  const rest = await editor.offered();
  await shows('word');
  const taken = line(await editor.text('calls.py'), 6).slice('    print_t'.length);
  assert.notEqual(taken, '');
  assert.equal(taken + rest, ghost);
});

scenario('what agrees with the suggestion is typed along it', async (editor) => {
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  const ghost = await editor.offered();
  await editor.type(ghost.slice(0, 4));
  await editor.until('the rest is shown', async () => (await editor.ghost()) === ghost.slice(4));
});

scenario('Escape puts the suggestion away and leaves the text', async (editor) => {
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  await editor.offered();
  await editor.press('Escape');
  await editor.none();
  assert.equal(line(await editor.text('calls.py'), 6), '    print_t');
});

scenario('what contradicts the suggestion removes it', async (editor) => {
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  const ghost = await editor.offered();
  await editor.type('zq');
  await editor.until('the old text is gone', async () => !(await editor.ghost()).startsWith(ghost.slice(0, 4)));
});

scenario('in the middle of a line the text fits what follows', async (editor) => {
  await begin(editor, 'inside.js', 5);
  await editor.press('ArrowLeft', 'ArrowLeft', 'ArrowLeft');
  await editor.type('def');
  const ghost = await editor.offered();
  await editor.press('Tab');
  assert.equal(line(await editor.text('inside.js'), 5), `  canvas.push(makeOutline(shapes.first, def${ghost}));`);
  assert.equal(ghost, 'aultStroke');
});

scenario('a suggestion of several lines is taken by lines, and whole', async (editor, shows) => {
  await begin(editor, 'blocks.py', 38);
  await editor.press('Enter');
  // The first line comes at once, the others when they are written.
  await editor.until('several lines are shown', async () => (await editor.ghost()).includes('\n'));
  const ghost = await editor.offered();
  assert.equal(ghost, 'log.exception(error)\n        raise');
  await shows('block');
  await editor.press('Alt+End');
  await editor.until('a line is taken', async () => (await editor.ghost()) !== ghost);
  // The editor takes a line with its end.
  assert.equal(await editor.text('blocks.py'), `${BLOCKS.trimEnd()}\n        log.exception(error)\n\n`);
  await begin(editor, 'blocks.py', 38);
  await editor.press('Enter');
  await editor.until('several lines are shown', async () => (await editor.ghost()).includes('\n'));
  await editor.press('Tab');
  assert.equal(await editor.text('blocks.py'), `${BLOCKS.trimEnd()}\n        ${ghost}\n`);
});

scenario('characters outside the basic plane left of the cursor', async (editor) => {
  await begin(editor, 'astral.py', 5);
  await editor.type('    log.write_line("😀 𝒳é", col');
  const ghost = await editor.offered();
  await editor.press('Tab');
  // The editor itself has closed the string and the bracket.
  assert.match(ghost, /^our_of_greeting/u);
  assert.equal(line(await editor.text('astral.py'), 5), '    log.write_line("😀 𝒳é", colour_of_greeting)');
});

scenario('accepted suggestions are counted once, whole ones and words', async (editor, shows) => {
  const before = await editor.accepted();
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  await editor.offered();
  await editor.press('Tab');
  await editor.until('the whole one is counted', async () => (await editor.accepted()) === before + 1);
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  await editor.offered();
  await editor.press('Control+ArrowRight');
  await editor.until('the word is counted', async () => (await editor.accepted()) === before + 2, 10_000);
  await editor.menu();
  await shows('menu');
  await editor.press('Escape');
});

scenario('switched off nothing is shown, and the reason is told', async (editor, shows) => {
  await editor.command('Foretoken: Switch Suggestions On or Off');
  await editor.until('the status item says so', async () => /switched off/u.test((await editor.status()) ?? ''));
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  await editor.command('Foretoken: Why Is Nothing Shown?');
  await editor.message(/Suggestions are switched off by a setting/u);
  await shows('why');
  assert.equal(await editor.ghost(), '');
  await editor.clickMessage('Switch On');
  await editor.ready();
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  await editor.offered();
});

scenario('a server that was killed comes again, with one message', async (editor, shows) => {
  await editor.clearMessages();
  for (const round of [1, 2]) {
    const [pid] = editor.servers();
    process.kill(pid, 'SIGKILL');
    await editor.until('another server runs', () => editor.servers().some((other) => other !== pid));
    await editor.ready();
    if (round === 1) {
      await editor.message(/ended unexpectedly and was started again/u);
      await shows('crash');
    }
  }
  assert.equal((await editor.messages()).length, 1);
  assert.equal(editor.servers().length, 1);
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  await editor.offered();
  await editor.clearMessages();
});

scenario('a program that is not there is named, once', async (editor) => {
  await editor.message(/foretoken\.path names \/nowhere\/foretoken/u);
  assert.match((await editor.status()) ?? '', /\/nowhere\/foretoken/u);
  assert.deepEqual(editor.servers(), []);
  assert.equal((await editor.messages()).length, 1);
}, { settings: { 'foretoken.path': '/nowhere/foretoken' }, unready: true });

scenario('a folder that is not trusted starts no program of its own and changes no setting', async (editor) => {
  assert.equal(editor.exists('started'), false);
  await begin(editor, 'calls.py', 6);
  await editor.type('    print_t');
  await editor.offered();
  assert.equal(editor.servers().length, 1);
}, {
  settings: {
    'security.workspace.trust.enabled': true,
    'security.workspace.trust.startupPrompt': 'never',
    'security.workspace.trust.banner': 'never',
    'security.workspace.trust.emptyWindow': false,
  },
  prepare: (editor) => {
    const program = join(editor.folder, 'foretoken');
    editor.write('foretoken', `#!/bin/sh\ntouch '${editor.folder}/started'\n`);
    chmodSync(program, 0o755);
    editor.write('.vscode/settings.json', JSON.stringify({ 'foretoken.path': program, 'foretoken.completion.enabled': false }));
  },
});

scenario('a trusted folder names no program either, but may switch suggestions off', async (editor) => {
  await editor.until('the status item says so', async () => /switched off/u.test((await editor.status()) ?? ''));
  assert.equal(editor.exists('started'), false);
  assert.equal(editor.servers().length, 1);
}, {
  unready: true,
  prepare: (editor) => {
    const program = join(editor.folder, 'foretoken');
    editor.write('foretoken', `#!/bin/sh\ntouch '${editor.folder}/started'\n`);
    chmodSync(program, 0o755);
    editor.write('.vscode/settings.json', JSON.stringify({ 'foretoken.path': program, 'foretoken.completion.enabled': false }));
  },
});

scenario('an answer appears while it is written, can do nothing, and leads to its sources', async (editor) => {
  await begin(editor, 'calls.py', 3);
  await editor.command('Foretoken: Explain the Selection');
  const view = await editor.frame('#sources');
  const text = async (part) => (await view.locator(part).innerText()).replaceAll('\u00a0', ' ');
  // The first blocks stand there while more is to come, and it can be stopped.
  await editor.until('the first block is shown', async () => (await text('#text')).includes('prints three rows'));
  assert.ok(!(await text('#text')).includes('It returns'));
  assert.ok(await view.locator('#stop').isVisible());
  await editor.until('the last block is shown', async () => (await text('#text')).includes('It returns total'));
  assert.equal(await text('#title'), 'Explain this');
  assert.equal(await text('#notes'), 'Written by a model in the house.');
  assert.deepEqual(await view.locator('#sources li').allInnerTexts(), ['calls.py:3', 'calls.py:7']);
  assert.ok(await view.locator('#stop').isHidden());
  // Pictures and commands of the text are words.
  assert.equal(await view.locator('#text img').count(), 0);
  assert.ok((await text('#text')).includes('<img src=x'));
  assert.deepEqual(await view.locator('#text a').allInnerTexts(), ['calls.py:3', 'calls.py:7']);
  await view.locator('#sources a', { hasText: 'calls.py:7' }).click();
  await editor.until('the cursor stands at the source', () => editor.page.evaluate(() => /Ln 7, Col 1/u.test(document.querySelector('[id="status.editor.selection"]')?.textContent ?? '')));
}, {
  unready: true,
  program: answering,
});

scenario('the first steps open and show their pictures', async (editor, shows) => {
  await editor.command('Foretoken: Open the First Steps');
  await editor.page.locator('.getting-started-step', { hasText: 'Take all of it' }).first().waitFor();
  await shows('walkthrough');
});
