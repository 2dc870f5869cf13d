// Holds messages against the published types of the protocol:
//   node check.mjs --schema   makes schema.json out of roots.ts, in the folder of this file
//   node check.mjs            reads {"checks": [[name, value], …]} line by line, answers {"problems": […]}
// It runs in the folder where `fetch-editor protocol` put it, beside its packages.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const file = join(here, 'schema.json');

if (process.argv.includes('--schema')) {
  const { createGenerator } = require('ts-json-schema-generator');
  const generator = createGenerator({
    path: join(here, 'roots.ts'),
    tsconfig: join(here, 'tsconfig.json'),
    type: 'Roots',
    skipTypeCheck: true,
    additionalProperties: false,
  });
  const schema = generator.createSchema('Roots');
  const names = Object.keys(schema.definitions.Roots.properties);
  const closed = Object.values(schema.definitions).filter((type) => type.additionalProperties === false).length;
  writeFileSync(file, JSON.stringify(schema));
  console.log(`${names.length} messages, ${Object.keys(schema.definitions).length} types, ${closed} of them closed`);
} else {
  if (!existsSync(file)) {
    throw new Error('there is no schema.json; --schema makes it');
  }
  const { default: Ajv } = require('ajv');
  const schema = JSON.parse(readFileSync(file, 'utf8'));
  const ajv = new Ajv({ strict: false, allErrors: false });
  ajv.addSchema(schema, 'protocol');
  const known = schema.definitions.Roots.properties;

  const problem = ([name, value]) => {
    if (!Object.hasOwn(known, name)) {
      return `${name}: stands in no list of what the server may send (tests/protocol/roots.ts)`;
    }
    const pointer = encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));
    const validate = ajv.getSchema(`protocol#/definitions/Roots/properties/${pointer}`);
    if (validate(value)) {
      return undefined;
    }
    const [{ instancePath, message, params }] = validate.errors;
    return `${name}: ${instancePath || 'the whole'} ${message} ${JSON.stringify(params)}`;
  };

  for await (const line of createInterface({ input: process.stdin })) {
    const { checks } = JSON.parse(line);
    console.log(JSON.stringify({ problems: checks.map(problem).filter((found) => found !== undefined) }));
  }
}
