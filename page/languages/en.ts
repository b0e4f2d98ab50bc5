/** Every word that a user reads. Another language is another file of this shape. */
export const en = {
  /** Of the language: its tag, and the direction that it is written in. */
  tag: 'en',
  direction: 'ltr' as 'ltr' | 'rtl',

  title: 'Connect your apps',
  forAccount: (account: string) => `For ${account}`,
  loading: 'Loading …',
  progress: (done: number, total: number) => `${done} of ${total} connected`,
  list: 'Apps to connect',
  standings: { waiting: 'To do', working: 'Working …', connected: 'Connected', stuck: 'Not possible here' },

  invitation: {
    title: 'Welcome',
    text: 'You have been asked to connect some apps. It takes a few minutes, and you can stop and come back at any time.',
    begin: 'Get started',
  },
  ends: {
    expired: {
      title: 'This session has ended',
      text: 'Nothing is lost. Open this page again from where you came, and go on where you were.',
    },
    lapsed: { title: 'This link has run out', text: 'Ask whoever gave it to you for a new one.' },
    finished: {
      title: 'There is nothing left to do',
      text: 'Everything behind this link is done. You can close this page.',
    },
    incomplete: { title: 'This link is not complete', text: 'Open it again from where you got it, or copy all of it.' },
    insecure: {
      title: 'This connection is not secure',
      text: 'Open this page with https:// so that what you enter can be protected.',
    },
    empty: { title: 'There is nothing to connect', text: 'Open this page again from where you came.' },
  },
  goBack: 'Go back',
  away: 'No connection at the moment. This page goes on by itself as soon as there is one.',
  tryNow: 'Try now',

  optional: 'optional',
  optionalSettings: (count: number) => `Optional settings (${count})`,
  stored: 'Already set. Leave it empty to keep what is there.',
  keep: 'Keep what is set',
  choose: 'Choose …',
  none: 'Not set',
  other: 'Other …',
  otherValue: (label: string) => `${label}: other value`,
  show: 'Show',
  hide: 'Hide',
  showValue: (label: string) => `Show ${label}`,
  hideValue: (label: string) => `Hide ${label}`,
  waitsUntil: (date: string) => `You can do this until ${date}.`,
  sealedNote: 'What you enter is encrypted on this device before it is sent.',
  overwrites: 'What you enter here replaces what was stored before.',
  signsInAnew: 'Signing in again replaces the connection that was there.',
  sending: 'Checking …',
  unsent: 'It could not be sent. It is kept, encrypted: you need not enter it again.',
  sendAgain: 'Send again',

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
    tokens: {
      title: (name: string) => `Connect ${name}`,
      text: (name: string) =>
        `There is nothing for you to do: whoever gave you this link connects ${name} for you. Ask them if it takes too long.`,
    },
    consent: {
      title: (name: string) => `Connect ${name}`,
      text: (name: string) => `Sign in to ${name} in a new window and allow access. Then come back here.`,
      open: (name: string) => `Go to ${name}`,
      openAgain: 'Open it again',
      opened: (name: string) => `Finish in the ${name} window. This page goes on by itself.`,
      finished: 'I have finished there',
      blocked: 'Your browser has blocked the window.',
      here: 'Continue in this tab',
    },
    applying: {
      title: (name: string) => `Connect ${name}`,
      text: 'Checking what you entered. This takes a few seconds.',
    },
    verifying: {
      title: (name: string) => `Connect ${name}`,
      text: (name: string) => `Asking whether ${name} has given access. This takes up to half a minute.`,
    },
    connected: {
      title: (name: string) => `${name} is connected`,
      text: 'All set. There is nothing more to do here.',
      unproven: 'Your earlier connection still works. Whether the new sign-in changed anything, we can’t tell.',
    },
    expired: {
      title: (name: string) => `${name} was not connected in time`,
      text: 'Open this page again from where you came to start over.',
      textHere: 'You can start over here.',
    },
    cancelled: {
      title: (name: string) => `Connecting ${name} was cancelled`,
      text: 'Open this page again from where you came to start over.',
    },
    failed: {
      title: (name: string) => `${name} could not be connected`,
      text: 'This is not your fault. Tell whoever gave you this link.',
    },
    unsupported: {
      title: (name: string) => `${name} can’t be connected here`,
      text: 'It needs something that this page can’t ask for. Tell whoever gave you this link.',
    },
  },
  stalled: (name: string) =>
    `${name} can’t be reached right now. This is not your fault, and we keep trying. You can close this page and come back later.`,
  startAgain: 'Start over',
  appNumber: (id: number) => `App ${id}`,
  next: (name: string) => `Next: ${name}`,
  toOverview: 'See all',
  finish: 'Done',
  done: {
    title: 'Everything is connected',
    partly: 'That is all you can do here',
    text: 'You can close this page.',
    textPartly: 'Some apps could not be connected. Whoever gave you this link can help.',
  },

  problems: {
    malformed: 'This doesn’t look right. Please check it.',
    notNow: 'This step is over already. Here is where it stands.',
    notSealed: 'Something went wrong on this page. Reload it and try again.',
    notOpenable: 'This could not be read when it arrived. Please enter it again.',
    wrongKind: 'Something else is asked for here. Please check it.',
    unknownProperty: 'One of these settings does not exist any more. Reload this page.',
    missingProperty: 'Please fill this in.',
    refused: 'This was not accepted. Please check it and enter it again.',
    notAuthorized: 'No access yet. Try again, and allow access when you are asked.',
    cyclrUnavailable:
      'The other side could not be reached, so this was not checked. Nothing is wrong with what you entered: please enter it again.',
    unreachable: 'Nobody could be reached, and nothing was sent. Please try again.',
  },
  otherProblem: 'That did not work. Please try again.',
};

/** What a language has to say. */
export type Messages = typeof en;
