/**
 * The script of the connect page: shows where each connector stands, and lets the user consent. It reads the token from
 * the fragment, which reaches no server, and keeps it for the tab alone.
 */
export const connectScript = `'use strict';
const list = document.getElementById('connectors');
const status = document.getElementById('status');
const given = new URLSearchParams(location.hash.slice(1));
let token = given.get('session') || sessionStorage.getItem('session');

async function call(method, path, bearer) {
  const response = await fetch('v1/session' + path, { method, headers: { Authorization: 'Bearer ' + bearer } });
  if (!response.ok) throw new Error((await response.json()).detail);
  return response.json();
}

function keep(fresh) {
  token = fresh;
  sessionStorage.setItem('session', fresh);
  history.replaceState(null, '', location.pathname);
}

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** The click itself opens the window: one that opens later would be blocked. */
function consentForm(connectorId) {
  const field = (name, value) => element('input', { type: 'hidden', name, value });
  const button = element('button', {}, 'Connect');
  const form = element('form', { method: 'post', action: 'connect/go', target: '_blank' }, field('session', token), field('connectorId', connectorId), button);
  return form;
}

function item(view) {
  const name = view.connector ? view.connector.name : String(view.connectorId);
  const made = element('li', {}, element('strong', {}, name), ': ', view.state);
  if (view.problem) made.append(element('p', {}, view.problem.message));
  if (view.state === 'awaitingAuthorization') made.append(consentForm(view.connectorId));
  return made;
}

async function show() {
  try {
    const session = await call('GET', '', token);
    status.textContent = 'For ' + (session.accountLabel || session.accountId);
    list.replaceChildren(...session.connectors.map(item));
    const left = Date.parse(session.expiresAt) - Date.now();
    if (left < 300000) keep((await call('POST', '/renew', token)).token);
  } catch (err) {
    status.textContent = err.message;
  }
}

function begin() {
  show();
  setInterval(show, 5000);
  addEventListener('focus', show);
}

if (given.get('invitation')) {
  const button = element('button', {}, 'Continue');
  button.onclick = async () => {
    try {
      keep((await call('POST', '/redeem', given.get('invitation'))).token);
      button.remove();
      begin();
    } catch (err) {
      status.textContent = err.message;
    }
  };
  status.after(button);
} else if (token) {
  keep(token);
  begin();
} else {
  status.textContent = 'This link is not complete. Open it again from where you got it.';
}
`;
