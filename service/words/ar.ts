import type { PageWords, Troubles } from './en';

const troubles: Troubles = {
  notNow: 'هذه الخطوة غير ممكنة في الوقت الحالي.',
  closed: 'انتهت محاولة الربط هذه من قبل.',
  tokenExpired: 'انتهت صلاحية جلستك.',
  unauthorized: 'جلستك غير صالحة.',
  originNotAllowed: 'تخص جلستك موقعًا آخر.',
  notFound: 'هذه الصفحة غير موجودة.',
  rateLimited: 'محاولات كثيرة جدًا. انتظر دقيقة ثم حاول مرة أخرى.',
  cyclrUnavailable: 'تعذر الوصول إلى خدمة الربط في الوقت الحالي. حاول مرة أخرى لاحقًا.',
};

/**
 * Puts Unicode isolation marks around a name, so that the writing direction of the name does not change the order of
 * the sentence.
 */
const isolated = (name: string) => `\u2068${name}\u2069`;

export const ar: PageWords = {
  tag: 'ar',
  goingOut: (name) => (name === undefined ? 'جارٍ فتح صفحة تسجيل الدخول …' : `جارٍ نقلك إلى ${isolated(name)} …`),
  slow: 'يستغرق هذا وقتًا أطول من المعتاد. اترك هذه النافذة مفتوحة: ستتابع تلقائيًا.',
  forAccount: (account) => `للحساب ${isolated(account)}.`,
  goOn: 'متابعة',
  theConnector: 'التطبيق',
  unfinished: (name) => `لم يتم ربط ${isolated(name)} بعد`,
  outcomes: {
    awaitingAuthorization: (name) => `لم يتم ربط ${isolated(name)}: حاول مرة أخرى`,
    verifyingAuthorization: (name) => `جارٍ التحقق من ${isolated(name)} …`,
    authenticated: (name) => `تم ربط ${isolated(name)}`,
    expired: (name) => `لم يتم ربط ${isolated(name)} في الوقت المحدد`,
    cancelled: (name) => `أُلغي ربط ${isolated(name)}`,
    failed: (name) => `تعذر ربط ${isolated(name)}`,
    unsupported: (name) => `لا يمكن ربط ${isolated(name)} هنا`,
  },
  closeWindow: 'يمكنك إغلاق هذه النافذة.',
  close: 'إغلاق هذه النافذة',
  retry: 'المحاولة مرة أخرى',
  stay: 'يستغرق ذلك نصف دقيقة على الأكثر.',
  goBack: 'عد إلى الصفحة التي بدأت منها.',
  back: 'رجوع',
  nothing: 'لا يوجد ما تعرضه هذه الصفحة',
  whereFrom: 'عد إلى الصفحة التي بدأت منها.',
  tryAgain: 'أغلق هذه النافذة، وحاول مرة أخرى في الصفحة التي بدأت منها.',
  hiddenOrigin: 'لم يخبرنا متصفحك بالموقع الذي أتيت منه: سياسة الإحالة في ذلك الموقع تمنع ذلك. أبلغ مشغّل الموقع بذلك.',
  trouble: (code) => troubles[code] ?? 'هذا غير ممكن في الوقت الحالي. حاول مرة أخرى لاحقًا.',
  connect: 'ربط تطبيقاتك',
  loading: 'جارٍ التحميل …',
  noScript: 'تحتاج هذه الصفحة إلى JavaScript.',
  links: { support: 'الدعم', privacy: 'الخصوصية', terms: 'شروط الاستخدام' },
};
