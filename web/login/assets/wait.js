// A page that waits goes on as soon as the server says that something changed, or when what it waits for has ended: it sends its
// form, so that a ticked box counts. Where no event stream comes through, it asks every ten seconds.
(() => {
  const { events, seconds } = document.currentScript.dataset;
  const form = document.querySelector('form[data-waits]');
  const ASK_MS = 10_000;
  let isGone = false;

  function goOn() {
    if (isGone) return;
    isGone = true;
    source.close();
    form.requestSubmit();
  }

  const source = new EventSource(events);
  source.addEventListener('change', goOn);
  source.addEventListener('error', () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(goOn, ASK_MS);
  });
  setTimeout(goOn, Number(seconds) * 1000);
  // A press of another button is the person's own way on.
  addEventListener('pagehide', () => {
    isGone = true;
    source.close();
  });

  for (const time of document.querySelectorAll('time')) {
    const options = { hour: '2-digit', minute: '2-digit', timeZoneName: 'short' };
    time.textContent = new Date(time.dateTime).toLocaleTimeString(document.documentElement.lang, options);
  }
})();
