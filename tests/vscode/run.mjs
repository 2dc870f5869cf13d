// Runs the scenarios against a real VS Code:
//   node run.mjs --editor FOLDER --package FILE.vsix --faultd PROGRAM [--pictures FOLDER] [--only PATTERN]
// FOLDER is what `fetch-editor vscode` made, PROGRAM the scripted provider. Prints one line per scenario; the exit code is 1 if one failed.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Editor, Installation } from './editor.mjs';
import { scenarios as answers } from './answers.mjs';
import { scenarios as typing } from './scenarios.mjs';

const scenarios = [...typing, ...answers];

const { values } = parseArgs({
  options: { editor: { type: 'string' }, package: { type: 'string' }, faultd: { type: 'string' }, pictures: { type: 'string' }, only: { type: 'string' } },
});
const pictures = values.pictures ?? join(values.editor, 'pictures');
mkdirSync(pictures, { recursive: true });

const installation = new Installation(values.editor, values.faultd);
let failures = 0;
let passed = 0;
try {
  console.log(`Code ${installation.version()}`);
  installation.install(values.package);
  const browser = await installation.browser();
  console.log(`Chromium ${browser.version()}`);
  const windows = new Map();
  for (const { name, run, window } of scenarios.filter((one) => new RegExp(values.only ?? '', 'u').test(one.name))) {
    if (failures === 3) {
      console.log('three scenarios failed; the others are not tried');
      break;
    }
    const begun = Date.now();
    // Scenarios without wishes share a window.
    const key = JSON.stringify(window.settings ?? {}) + String(window.prepare ?? '') + (window.program ?? '') + JSON.stringify(window.answers ?? []);
    let editor = windows.get(key);
    try {
      if (editor === undefined) {
        for (const [other, open] of windows) {
          windows.delete(other);
          await open.stop();
        }
        editor = await Editor.start(installation, browser, window);
        windows.set(key, editor);
        if (!window.unready) {
          await editor.ready();
        }
      }
      await run(editor, (picture) => editor.picture(join(pictures, `${picture}.png`)));
      passed += 1;
      console.log(`ok    ${name} (${Date.now() - begun} ms)`);
    } catch (error) {
      failures += 1;
      console.log(`FAIL  ${name} (${Date.now() - begun} ms)\n${error instanceof Error ? error.stack : String(error)}`);
      // A window in an unknown state must not fail the scenarios that follow.
      if (editor !== undefined) {
        windows.delete(key);
        const picture = join(values.editor, `failed-${failures}.png`);
        await editor.picture(picture).catch(() => undefined);
        console.log(`the screen: ${picture}`);
        await editor.stop();
      }
    }
  }
  for (const editor of windows.values()) {
    await editor.stop();
    await editor.until('no server outlives its editor', () => editor.servers().length === 0, 5000);
  }
  await browser.close();
} finally {
  installation.dispose();
}
console.log(`${passed} passed, ${failures} failed`);
process.exitCode = failures === 0 && passed > 0 ? 0 : 1;
