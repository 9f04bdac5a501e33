// Subscribes with graphql-sse at the given URL, and prints each result as a line of JSON: {"next": …},
// at the end {"complete": true} or {"error": …}.
import { createClient } from 'graphql-sse';

const [url, query, variables] = process.argv.slice(2);
const client = createClient({ url, retryAttempts: 0 });
const print = (line) => console.log(JSON.stringify(line));

client.subscribe({ query, variables: JSON.parse(variables) }, {
  next: (result) => print({ next: result }),
  error: (err) => print({ error: String(err) }),
  complete: () => print({ complete: true }),
});
