// Runs before the page, in any browser since the nineties. Where the page cannot work, it says so, without any
// of the page's code. README.md names the oldest browsers in which has() is true.
(function () {
  var texts = {
    en: {
      old: 'This browser is too old for Foyer. Please use a current version of Chrome, Edge, Firefox or Safari.',
      broken: 'The page could not be loaded. Check your network, then reload the page.',
    },
    fr: {
      old: 'Ce navigateur est trop ancien pour Foyer. Utilisez une version récente de Chrome, Edge, Firefox ou Safari.',
      broken: 'La page n’a pas pu être chargée. Vérifiez votre réseau, puis rechargez-la.',
    },
  };

  function has() {
    return (
      'noModule' in document.createElement('script') &&
      typeof HTMLDialogElement === 'function' &&
      typeof HTMLDialogElement.prototype.showModal === 'function' &&
      typeof ResizeObserver === 'function' &&
      typeof WeakRef === 'function' &&
      typeof Object.hasOwn === 'function' &&
      typeof Array.prototype.at === 'function' &&
      CSS.supports('height', '1dvh')
    );
  }

  // The page does not start without its root.
  function say(what) {
    var root = document.getElementById('root');
    var language = /^fr/i.test(navigator.language || navigator.userLanguage || '') ? 'fr' : 'en';
    document.documentElement.lang = language;
    var main = document.createElement('main');
    main.className = 'unstarted';
    main.appendChild(document.createElement('h1')).appendChild(document.createTextNode('Foyer'));
    main.appendChild(document.createElement('p')).appendChild(document.createTextNode(texts[language][what]));
    root.parentNode.replaceChild(main, root);
  }

  if (!has()) return say('old');
  // By then the page's script has run and set this mark.
  window.addEventListener('load', function () {
    if (!document.documentElement.getAttribute('data-started')) say('broken');
  });
})();
