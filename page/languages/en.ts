/** All texts that a user reads. The file of any other language has the same shape. */
export const en = {
  /** The language's tag and writing direction. */
  tag: 'en',
  direction: 'ltr' as 'ltr' | 'rtl',

  title: 'Connect your apps',
  forAccount: (account: string) => `For ${account}`,
  loading: 'Loading …',
  progress: (done: number, total: number) => `${done} of ${total} connected`,
  list: 'Apps to connect',
  chips: {
    refresh: 'Works: sign in again to refresh',
    todo: 'To do',
    refused: 'Not accepted',
    working: 'Checking …',
    verifying: (name: string) => `Waiting for ${name}`,
    retrying: 'We keep trying',
    connected: 'Connected',
    byPartner: (brand?: string) => (brand ? `Set up for you by ${brand}` : 'Set up for you'),
    expired: 'Time is over',
    support: 'Needs support',
  },
  groups: { todo: 'Your next steps', underWay: 'In progress', connected: 'Connected', support: 'Needs support' },
  step: (at: number, of: number) => `Step ${at} of ${of}`,
  filter: 'Find an app',
  noMatch: 'No app has this name.',

  invitation: {
    title: 'Welcome',
    text: (brand?: string, count?: number) =>
      `${brand ? `${brand} asks you` : 'You have been asked'} to connect your apps${count ? ` (${count})` : ''}. It takes a few minutes, and you can stop and come back at any time.`,
    begin: 'Get started',
  },
  ends: {
    expired: {
      title: 'This session has ended',
      text: 'Nothing is lost. Open this page again from the page you came from, and continue where you stopped.',
      lost: 'What you typed last was not sent. Open this page again from the page you came from, and enter it again. Everything before is saved.',
    },
    lapsed: { title: 'This link has expired', text: 'You need a new link.' },
    finished: {
      title: 'This link is no longer needed',
      text: 'Its apps are connected, or the request was withdrawn. You can close this page.',
    },
    incomplete: {
      title: 'This link is not complete',
      text: 'Open it again from the message that contains it, or copy all of it.',
    },
    insecure: {
      title: 'This connection is not secure',
      text: 'Open this page with https:// so that what you enter can be protected.',
    },
    empty: { title: 'There is nothing to connect', text: 'Open this page again from the page you came from.' },
  },
  goBack: 'Go back',
  away: {
    offline: 'Your device is offline. This page continues by itself when it is online again.',
    unreachable: 'No connection at the moment. This page continues by itself when the connection is back.',
    busy: 'The service can’t continue at the moment. This page continues by itself when it can.',
  },
  tryNow: 'Try now',

  optional: 'optional',
  optionalSettings: (count: number) => `Optional settings (${count})`,
  locked: 'Set for you. It can’t be changed here.',
  stored: 'Already set. Leave it empty to keep the stored value.',
  keep: 'Keep the stored value',
  choose: 'Choose …',
  none: 'Not set',
  other: 'Other …',
  otherValue: (label: string) => `${label}: other value`,
  show: 'Show',
  hide: 'Hide',
  showValue: (label: string) => `Show ${label}`,
  hideValue: (label: string) => `Hide ${label}`,
  whereToFind: 'Where do I find this?',
  waitsUntil: (date: string) => `You can do this until ${date}.`,
  sealedNote: 'Your input is encrypted on this device before it is sent.',
  works: 'This connection works. Continue only if you want to renew it.',
  reconnect: 'Reconnect',
  overwrites: 'Your input replaces the stored values.',
  signsInAnew: 'Signing in again replaces the existing connection.',
  sending: 'Checking …',
  emptied: 'For your security, this field was emptied. Enter it again.',
  slow: 'This takes longer than usual. What you entered is safe, and we keep trying.',
  slowToRead: 'This takes longer than usual. We keep trying.',

  panels: {
    reading: { title: (name: string) => `Connect ${name}`, text: 'Getting things ready. This takes a few seconds.' },
    properties: { title: (name: string) => `Connect ${name}`, text: 'A few details first.', submit: 'Continue' },
    apiKey: {
      title: (name: string) => `Connect ${name}`,
      text: (name: string) => `Enter your ${name} API key.`,
      label: 'API key',
      submit: 'Connect',
    },
    basic: {
      title: (name: string) => `Connect ${name}`,
      text: (name: string) => `Enter your ${name} sign-in details.`,
      username: 'User name',
      password: 'Password',
      noPassword: 'There is no password',
      submit: 'Connect',
    },
    fields: {
      title: (name: string) => `Connect ${name}`,
      text: (name: string) => `Enter your ${name} sign-in details.`,
      submit: 'Connect',
    },
    tokens: {
      title: (name: string) => `Connect ${name}`,
      text: (name: string, brand?: string) =>
        `You need to do nothing: ${brand ?? 'the company that sent you this link'} connects ${name} for you.`,
    },
    consent: {
      title: (name: string) => `Connect ${name}`,
      text: (name: string) => `Sign in to ${name} in a new window and allow access. Then come back here.`,
      open: (name: string) => `Go to ${name}`,
      openAgain: 'Open it again',
      opened: (name: string) => `Finish in the ${name} window. This page continues by itself.`,
      closed: 'The window was closed. Did you finish?',
      inApp: (name: string) =>
        `This browser is part of another app and opens no windows. Sign in to ${name} in this tab, then come back here.`,
      finished: 'I have finished there',
      replaced: (name: string) => `You started ${name} in another window. Finish it there, or open it again here.`,
      blocked: 'Your browser has blocked the window.',
      here: 'Continue in this tab',
    },
    applying: {
      title: (name: string) => `Connect ${name}`,
      text: 'Checking your input. This takes a few seconds.',
    },
    verifying: {
      title: (name: string) => `Connect ${name}`,
      text: (name: string) => `Checking the access to ${name}. This takes up to half a minute.`,
      notYet: (name: string) =>
        `Not yet: ${name} has not reported the access. We keep looking for a few more seconds. If you declined, you can go there again.`,
    },
    connected: {
      title: (name: string) => `${name} is connected`,
      text: 'All set. There is nothing more to do here.',
      as: (identity: string) => `Connected as ${identity}.`,
      unproven: 'Your earlier connection works, but the app does not tell us whether the new sign-in has replaced it.',
      notRefreshed: 'The new sign-in was not finished. Your earlier connection still works.',
    },
    expired: {
      title: (name: string) => `${name} was not connected in time`,
      text: 'To start over, open this page again from the page you came from.',
      textHere: 'You can start over here.',
    },
    cancelled: {
      title: (name: string) => `Connecting ${name} was cancelled`,
      text: 'To start over, open this page again from the page you came from.',
    },
    failed: {
      title: (name: string) => `${name} could not be connected`,
      text: 'This is not your fault.',
    },
    unsupported: {
      title: (name: string) => `${name} can’t be connected here`,
      text: 'This page does not support the sign-in of this app.',
    },
    removed: {
      title: (name: string) => `${name} can no longer be connected here`,
      text: 'The request was removed. Load this page’s list again to see what is left.',
      reload: 'Load again',
    },
  },
  help: (brand?: string) => `${brand ?? 'The company that sent you this link'} can help.`,
  confirmed: (when: string) => `Last confirmed: ${when}.`,
  stalled: (name: string) =>
    `${name} can’t be reached right now. This is not your fault, and we keep trying. You can close this page and come back later.`,
  startAgain: 'Start over',
  appNumber: (id: number) => `App ${id}`,
  next: (name: string) => `Next: ${name}`,
  toOverview: 'See all',
  later: 'Do later',
  finish: 'Done',
  done: {
    title: 'Everything is connected',
    partly: 'That is all you can do here',
    text: 'You can close this page.',
    textPartly: 'Some apps could not be connected.',
  },

  problems: {
    malformed: 'This doesn’t look right. Please check it.',
    notNow: 'This step was already done. Here is the current one.',
    notSealed: 'Something went wrong on this page. Reload it and try again.',
    notOpenable: 'Your input arrived, but could not be decrypted. Please enter it again.',
    wrongKind: 'This app needs other credentials. Please check your input.',
    unknownProperty: 'One of these settings does not exist any more. Reload this page.',
    colon:
      'A user name can’t contain a colon. If you were given “name:password”, enter its two parts in the two fields.',
    missingProperty: 'Please fill this in.',
    refused: (name: string) => `${name} did not accept this. Please check it and enter it again.`,
    notAuthorized: 'No access yet. Try again, and allow access when you are asked.',
    cyclrUnavailable:
      'The app could not be reached, so your input was not checked. Nothing is wrong with it: please enter it again.',
  },
  keyRefused: (name: string) => `${name} did not accept this key. Please check it and enter it again.`,
  otherProblem: 'That did not work. Please try again.',
};

/** The texts of one language. */
export type Messages = typeof en;
