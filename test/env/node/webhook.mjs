// Verifies webhooks with the library standardwebhooks. Takes a secret and, as JSON, a list of requests,
// {"headers": …, "body": …}. Prints for each a line of JSON: {"payload": …}, or {"error": …}.
import { Webhook } from 'standardwebhooks';

const [secret, requests] = process.argv.slice(2);
const verifier = new Webhook(secret);

for (const { headers, body } of JSON.parse(requests)) {
  try {
    console.log(JSON.stringify({ payload: verifier.verify(body, headers) }));
  } catch (err) {
    console.log(JSON.stringify({ error: err.message }));
  }
}
