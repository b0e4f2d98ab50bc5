/** Sends a POST with JSON, and returns the parsed answer. Fails for any other status than 2xx. */
export async function postJson(url: string, body: object, headers: { [name: string]: string } = {}): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url} answers ${response.status}.`);
  return response.json();
}
