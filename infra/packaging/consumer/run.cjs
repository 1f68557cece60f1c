const cache = require('@mersal/template-cache');
const queue = require('@mersal/send-queue');
const { check } = require('./check.cjs');

check({ ...cache, ...queue }).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
