import type { PageWords, Troubles } from './en';

const troubles: Troubles = {
  notNow: 'この手順は現在実行できません。',
  closed: 'この接続の試行はすでに終了しています。',
  tokenExpired: 'セッションの有効期限が切れました。',
  unauthorized: 'セッションが無効です。',
  originNotAllowed: 'このセッションは別のウェブサイトのものです。',
  notFound: 'このページは存在しません。',
  rateLimited: '試行回数が多すぎます。1 分待ってから、もう一度お試しください。',
  cyclrUnavailable: '接続サービスに現在つながりません。あとでもう一度お試しください。',
};

export const ja: PageWords = {
  tag: 'ja',
  goingOut: (name) => (name === undefined ? 'ログインページを開いています…' : `${name} に移動しています…`),
  slow: '通常より時間がかかっています。このウィンドウは開いたままにしてください。自動で続行します。',
  forAccount: (account) => `アカウント：${account}`,
  goOn: '続ける',
  theConnector: 'アプリ',
  unfinished: (name) => `${name} はまだ接続されていません`,
  outcomes: {
    awaitingAuthorization: (name) => `${name} は接続されていません。もう一度お試しください`,
    verifyingAuthorization: (name) => `${name} を確認しています…`,
    authenticated: (name) => `${name} を接続しました`,
    expired: (name) => `${name} は期限内に接続されませんでした`,
    cancelled: (name) => `${name} の接続は取り消されました`,
    failed: (name) => `${name} を接続できませんでした`,
    unsupported: (name) => `${name} はここでは接続できません`,
  },
  closeWindow: 'このウィンドウを閉じてかまいません。',
  close: 'このウィンドウを閉じる',
  retry: 'もう一度試す',
  stay: '最長で 30 秒ほどかかります。',
  goBack: 'はじめに開いたページに戻ってください。',
  back: '戻る',
  nothing: 'このページに表示する内容はありません',
  whereFrom: 'はじめに開いたページに戻ってください。',
  tryAgain: 'このウィンドウを閉じ、はじめに開いたページでもう一度お試しください。',
  hiddenOrigin:
    'どのウェブサイトから来たかが、ブラウザーから通知されませんでした。そのサイトのリファラーポリシーが禁止しています。サイトの運営者にお知らせください。',
  trouble: (code) => troubles[code] ?? '現在ご利用になれません。あとでもう一度お試しください。',
  connect: 'アプリを接続',
  loading: '読み込み中…',
  noScript: 'このページには JavaScript が必要です。',
  links: { support: 'サポート', privacy: 'プライバシー', terms: '利用規約' },
};
