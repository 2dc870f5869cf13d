// A remote model's part: `faultd play`, the scripted provider of these tests, as a process of its own. What it was
// asked is read from its output.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export class Provider {
  /** Starts one that gives these answers in turn, each a list of steps; `file` is where they are written down. */
  static async start(program, file, answers) {
    writeFileSync(file, JSON.stringify(answers));
    const provider = new Provider();
    provider.requests = [];
    provider.hungUp = [];
    // It ends with its input, and so with this process.
    provider.process = spawn(program, ['play', file], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: provider.process.stdout });
    const [first] = await new Promise((resolve, reject) => {
      lines.once('line', (line) => resolve(line.split(' ')));
      provider.process.once('error', reject);
      provider.process.once('exit', (code) => reject(new Error(`${program} ended with ${code}`)));
    });
    provider.url = first;
    lines.on('line', (line) => {
      const said = JSON.parse(line);
      if (said.body === undefined) {
        provider.hungUp.push(said.hungUp);
      } else {
        provider.requests.push(said);
      }
    });
    return provider;
  }

  /** The user's setting that names this provider as `house`, with its key where `foretoken keys` puts keys. */
  endpoints() {
    return [{ name: 'house', baseUrl: this.url, key: 'file', models: [{ name: 'coder', tier: 'large' }] }];
  }

  stop() {
    this.process.stdin.end();
  }
}
