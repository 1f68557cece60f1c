import { asyncApiDocument, jsonSchemas } from '@mersal/contracts';

const FOLDER = 'packages/contracts/generated';

/** JSON Schema of every event, and the AsyncAPI document of every topic. @returns {[path: string, text: string][]} */
export function contractDocuments() {
  return [
    ...Object.entries(jsonSchemas()).map(
      ([type, schema]) => /** @type {[string, string]} */ ([`${FOLDER}/${type}.json`, json(schema)]),
    ),
    [`${FOLDER}/asyncapi.json`, json(asyncApiDocument())],
  ];
}

/** @param {unknown} value */
function json(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}
