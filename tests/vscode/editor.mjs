// One VS Code in one browser window, with a home of its own: started, typed into, read, ended.
// Nothing waits for a time to pass; everything is polled until it is so or the limit is up.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Provider } from './provider.mjs';

/** How long something on the screen may take. Two cores that also run a browser are slow. */
const LIMIT_MS = 30_000;
/** How long a new editor may take to start. */
const START_MS = 120_000;

/** What makes a new user's editor quiet, and nothing that changes ghost text. */
const SETTINGS = {
  'workbench.startupEditor': 'none',
  'workbench.colorTheme': 'Default Light Modern',
  'workbench.tips.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'files.hotExit': 'off',
  'security.workspace.trust.enabled': false,
  'chat.disableAIFeatures': true,
  'chat.commandCenter.enabled': false,
  'git.enabled': false,
  'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' },
  'editor.suggestOnTriggerCharacters': false,
  'editor.minimap.enabled': false,
  'editor.cursorBlinking': 'solid',
  'files.autoSave': 'off',
};

/** The parts that `fetch-editor vscode` put into one folder. */
export class Installation {
  /** `faultd` is the program that plays a provider. */
  constructor(folder, faultd) {
    this.faultd = faultd;
    this.require = createRequire(join(folder, 'package.json'));
    this.server = join(folder, 'node_modules/code-server/lib/vscode/out/server-main.js');
    this.extensions = mkdtempSync(join(tmpdir(), 'foretoken-extensions-'));
  }

  /** Code's own version, such as 1.100.3. */
  version() {
    return JSON.parse(readFileSync(join(this.server, '../../package.json'), 'utf8')).version;
  }

  /** Installs the package as a user does, from its file. */
  install(vsix) {
    const data = mkdtempSync(join(tmpdir(), 'foretoken-install-'));
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [this.server, '--accept-server-license-terms', '--extensions-dir', this.extensions, '--server-data-dir', data, '--install-extension', vsix],
      { encoding: 'utf8' },
    );
    rmSync(data, { recursive: true, force: true });
    if (status !== 0 || !/successfully installed/u.test(stdout)) {
      throw new Error(`the package was not installed: ${stdout}${stderr}`);
    }
  }

  async browser() {
    const { chromium } = this.require('playwright-core');
    const packed = this.require('@sparticuz/chromium').default;
    const executablePath = process.env.FORETOKEN_CHROMIUM ?? (await packed.executablePath());
    return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none'], headless: true });
  }

  dispose() {
    rmSync(this.extensions, { recursive: true, force: true });
  }
}

export class Editor {
  /** A window on a folder with these files; `settings` stand over the quiet ones. With `answers` there is a provider. */
  static async start(installation, browser, { settings = {}, prepare, program, answers }) {
    const editor = new Editor();
    editor.home = mkdtempSync(join(tmpdir(), 'foretoken-vscode-'));
    editor.folder = join(editor.home, 'project');
    editor.extensions = installation.extensions;
    mkdirSync(editor.folder);
    prepare?.(editor);
    const user = join(editor.home, 'user/User');
    mkdirSync(user, { recursive: true });
    const wanted = { ...SETTINGS, ...settings };
    if (program !== undefined) {
      // A script is started by a shell, as a user's wrapper would be.
      wanted['foretoken.path'] = join(editor.home, 'foretoken');
      writeFileSync(wanted['foretoken.path'], `#!/bin/sh\nexec '${process.execPath}' '${program}'\n`, { mode: 0o755 });
    }
    if (answers !== undefined) {
      editor.provider = await Provider.start(installation.faultd, join(editor.home, 'answers.json'), answers);
      wanted['foretoken.remote.endpoints'] = editor.provider.endpoints();
    }
    writeFileSync(join(user, 'settings.json'), JSON.stringify(wanted));
    const port = await freePort();
    const origin = `127.0.0.1:${port}`;
    const environment = { ...process.env, HOME: editor.home };
    for (const name of ['CONFIG', 'DATA', 'STATE', 'CACHE']) {
      delete environment[`XDG_${name}_HOME`];
    }
    // The library must come out of the package.
    delete environment.FORETOKEN_ONNXRUNTIME;
    delete environment.ORT_DYLIB_PATH;
    editor.said = '';
    editor.process = spawn(
      process.execPath,
      [
        installation.server,
        '--accept-server-license-terms',
        '--host', '127.0.0.1',
        '--port', String(port),
        '--without-connection-token',
        '--disable-telemetry',
        '--extensions-dir', installation.extensions,
        '--server-data-dir', join(editor.home, 'server'),
        '--user-data-dir', join(editor.home, 'user'),
      ],
      { env: environment, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [editor.process.stdout, editor.process.stderr]) {
      stream.on('data', (bytes) => (editor.said += bytes));
    }
    await until('the server of the editor listens', () => editor.said.includes('Extension host agent listening'), START_MS);
    editor.page = await browser.newPage({ viewport: { width: 880, height: 500 } });
    await editor.page.goto(`http://${origin}/?folder=${editor.folder}`);
    await editor.until('the extension has started', async () => (await editor.status()) !== null, START_MS);
    return editor;
  }

  write(name, text) {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  exists(name) {
    return existsSync(join(this.folder, name));
  }

  /** Writes a file and opens it in the only tab. */
  async openFile(name, text) {
    if (!(await this.saved())) {
      await this.press('Control+s');
      await this.until('the file is saved', () => this.saved());
    }
    await this.command('View: Close All Editors');
    await this.until('the tabs are closed', () => this.page.evaluate(() => document.querySelector('.tab') === null));
    this.write(name, text);
    await this.press('Control+p');
    await this.page.waitForSelector('.quick-input-widget input');
    // By its whole path: a search would need a program that no registry package brings along.
    await this.page.keyboard.insertText(join(this.folder, name));
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first().click();
    await this.page.waitForSelector(`.tab.active[data-resource-name="${name}"]`);
    await this.page.waitForSelector('.editor-instance .view-lines .view-line');
  }

  /** What stands on disk. */
  read(name) {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  /** The text of the buffer, by way of the disk. */
  async text(name) {
    await this.press('Control+s');
    await this.until('the file is saved', () => this.saved());
    return this.read(name);
  }

  saved() {
    return this.page.evaluate(() => document.querySelector('.tab.dirty') === null);
  }

  /** Waits until the server has the model, so that the next key has an answer of it. */
  async ready() {
    await this.until('the status item says that the server is ready', async () => (await this.status()) === 'Foretoken: ready');
  }

  /** What the status item says to a screen reader. */
  status() {
    return this.page.evaluate(() => document.querySelector('[id="foretoken.foretoken.foretoken.status"]')?.getAttribute('aria-label') ?? null);
  }

  async press(...keys) {
    for (const key of keys) {
      await this.page.keyboard.press(key);
    }
  }

  async type(text) {
    await this.page.keyboard.type(text, { delay: 15 });
  }

  /** Puts the cursor at the end of a line, counted from one. */
  async goto(line) {
    await this.page.locator('.monaco-editor .view-lines').first().click();
    await this.press('Control+g');
    await this.page.waitForSelector('.quick-input-widget input');
    await this.type(String(line));
    await this.press('Enter');
    await this.until('the question for a line is gone', () => this.page.locator('.quick-input-widget').isHidden());
    await this.press('End');
  }

  /** The ghost text as it stands on the screen, lines joined; empty where there is none. */
  async ghost() {
    const parts = await this.page.evaluate(() => {
      const inline = [...document.querySelectorAll('.view-lines .ghost-text-decoration, .view-lines .ghost-text-decoration-preview')].map((span) => span.textContent ?? '');
      const below = [...document.querySelectorAll('.suggest-preview-text .view-line, .view-zones .suggest-preview-text > div')].map((line) => line.textContent ?? '');
      return [inline.join(''), ...below];
    });
    return parts.join('\n').replaceAll('\u00a0', ' ').replace(/[\u200b\u200c]/gu, '').trimEnd();
  }

  /** Waits for ghost text and returns it. */
  async offered() {
    let ghost = '';
    await this.until('ghost text stands behind the cursor', async () => (ghost = await this.ghost()) !== '');
    // The text may still grow: taken when two looks agree.
    let before;
    do {
      before = ghost;
      await this.page.waitForTimeout(150);
      ghost = await this.ghost();
    } while (ghost !== before);
    return ghost;
  }

  async none() {
    await this.until('no ghost text is shown', async () => (await this.ghost()) === '');
  }

  /** Runs a command by its name in the palette. */
  async command(title) {
    await this.press('F1');
    await this.page.waitForSelector('.quick-input-widget input');
    await this.type(title);
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: title }).first().click();
  }

  /** The frame of a view that holds this element. */
  async frame(selector) {
    let found;
    await this.until(`a view with ${selector}`, async () => {
      for (const frame of this.page.frames()) {
        if ((await frame.locator(selector).count().catch(() => 0)) > 0) {
          found = frame;
        }
      }
      return found !== undefined;
    });
    return found;
  }

  /** The menu of the status item. */
  async menu() {
    await this.page.locator('[id="foretoken.foretoken.foretoken.status"] a').click();
    await this.page.locator('.quick-input-list .monaco-list-row', { hasText: 'How things stand' }).first().waitFor();
  }

  /** How many suggestions were accepted, by the server's own count. */
  async accepted() {
    await this.menu();
    await this.type('Offered');
    const row = this.page.locator('.quick-input-list .monaco-list-row', { hasText: 'Offered' }).first();
    const text = await row.innerText();
    await this.press('Escape');
    await this.until('the menu is gone', () => this.page.locator('.quick-input-widget').isHidden());
    return Number(/accepted (\d+)/u.exec(text)?.[1]);
  }

  /** Waits for a message with this text. */
  async message(pattern) {
    await this.until(`a message like ${pattern}`, async () => (await this.messages()).some((text) => pattern.test(text)));
  }

  async clickMessage(button) {
    await this.page.locator('.notifications-toasts .monaco-button', { hasText: button }).first().click();
  }

  async clearMessages() {
    await this.command('Notifications: Clear All Notifications');
    await this.until('no message is left', async () => (await this.messages()).length === 0);
  }

  /** The sentences of the messages on the screen. */
  messages() {
    return this.page.locator('.notifications-toasts .notification-list-item-message').allInnerTexts();
  }

  /** Process ids of the language servers of this window. */
  servers() {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/u.test(name))
      .filter((pid) => {
        try {
          return readlinkSync(`/proc/${pid}/exe`).startsWith(this.extensions);
        } catch {
          return false;
        }
      })
      .map(Number);
  }

  until(what, holds, limit) {
    return until(what, holds, limit);
  }

  async picture(path, clip) {
    await this.page.screenshot({ path, animations: 'disabled', ...(clip === undefined ? {} : { clip }) });
  }

  async stop() {
    await this.page?.close();
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await gone;
    this.provider?.stop();
    // It writes into the home as long as it runs.
    await this.until('the language server ends with its window', () => this.servers().length === 0);
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Polls until `holds` gives something true; the error says what did not come to be. */
export async function until(what, holds, limit = LIMIT_MS) {
  const end = Date.now() + limit;
  for (;;) {
    if (await holds()) {
      return;
    }
    if (Date.now() > end) {
      throw new Error(`not within ${limit / 1000} s: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
