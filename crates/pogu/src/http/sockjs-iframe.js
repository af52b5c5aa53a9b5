/* The script of SockJS's iframe: it receives and sends where the page around it may not, and passes on frames and messages.
 *
 * Messages between the two are JSON: {windowId, type, data}. The page says "s" to start ([version, transport, session URL,
 * base URL]), "m" with a message, "c" to close; this says "s" once it is there, "t" with a frame, "c" ([code, reason]).
 * The transport "iframe-info-receiver" is none: its URL is that of /info, and its one frame is [info, milliseconds].
 * SOCKJS_ORIGINS, which stands before this, lists the pages that may use it. */
var SockJS = (function () {
  "use strict";

  /* After so long without a frame it is asked whether there is still a session. */
  var SILENCE_MS = 8000;

  /* A response each; `frame` gets each frame, `over` is told whether there was a response at all, after which another may be asked for. */
  var receivers = {
    "eventsource": function (url, frame, over) {
      var source = new EventSource(at(url, "/eventsource")), hasBegun = false;
      source.onopen = function () { hasBegun = true; };
      source.onmessage = function (event) { frame(decodeURIComponent(event.data)); };
      source.onerror = function () {
        source.close();
        over(hasBegun);
      };
      return function () { source.close(); };
    },
    "htmlfile": function (url, frame, over) {
      var name = "_" + Math.random().toString(36).slice(2), page = document.createElement("iframe"), hasBegun = false;
      var silence, stopAsking;
      function hush() {
        clearTimeout(silence);
        if (stopAsking) { stopAsking(); }
        stopAsking = null;
      }
      /* A page that breaks off tells nobody in Chromium. The server forgets a session soon that nobody receives, and knows no message for it. */
      function listen() {
        hush();
        silence = setTimeout(function () {
          stopAsking = ask("POST", at(url, "/xhr_send"), "[]", function (status) {
            if (status === 200 || status === 204) { return listen(); }
            end();
            over(false);
          });
        }, SILENCE_MS);
      }
      function end() {
        hush();
        delete window[name];
        if (page.parentNode) { page.parentNode.removeChild(page); }
      }
      window[name] = {
        start: function () { hasBegun = true; },
        message: function (data) { listen(); frame(data); },
        stop: function () { end(); over(hasBegun); }
      };
      listen();
      page.style.display = "none";
      page.src = at(url, "/htmlfile", "c=" + name);
      /* What is no such page does not say that it stops. */
      page.onload = function () { if (window[name]) { window[name].stop(); } };
      document.body.appendChild(page);
      return end;
    },
    "xhr-polling": function (url, frame, over) {
      return ask("POST", at(url, "/xhr"), null, function (status, text) {
        if (status !== 200) { return over(false); }
        text.split("\n").forEach(function (line) { if (line) { frame(line); } });
        over(true);
      });
    }
  };

  /* A URL below the session's, which may have a query. */
  function at(url, path, parameter) {
    var parts = url.split("?"), query = parts.slice(1).concat(parameter || []).join("&");
    return parts[0] + path + (query ? "?" + query : "");
  }

  function ask(method, url, body, done) {
    var request = new XMLHttpRequest();
    request.open(method, url, true);
    if (body !== null) { request.setRequestHeader("Content-type", "text/plain"); }
    request.onload = function () { done(request.status, request.responseText); };
    request.onerror = function () { done(0, ""); };
    request.send(body);
    return function () {
      request.onload = request.onerror = null;
      request.abort();
    };
  }

  /* A session: receives until it is closed, and sends one POST after another so that messages keep their order. */
  function session(transport, url, say) {
    var isOpen = true, waiting = [], stopReceiving, stopSending;

    function close(code, reason) {
      if (!isOpen) { return; }
      stop();
      say("c", JSON.stringify([code, reason]));
    }
    function stop() {
      isOpen = false;
      if (stopReceiving) { stopReceiving(); }
      if (stopSending) { stopSending(); }
    }
    function receive() {
      stopReceiving = receivers[transport](url, function (frame) {
        if (!isOpen) { return; }
        say("t", frame);
        if (frame.charAt(0) === "c") { stop(); }
      }, function (hasBegun) {
        if (!isOpen) { return; }
        if (hasBegun) { setTimeout(function () { if (isOpen) { receive(); } }, 0); } else { close(1006, "Connection lost"); }
      });
    }
    function send() {
      if (!waiting.length || stopSending) { return; }
      var body = "[" + waiting.join(",") + "]";
      waiting = [];
      stopSending = ask("POST", at(url, "/xhr_send"), body, function (status) {
        stopSending = null;
        if (status === 200 || status === 204) { send(); } else { close(1006, "Sending error: " + status); }
      });
    }
    receive();
    return {
      send: function (message) { waiting.push(message); send(); },
      stop: stop
    };
  }

  /* What the endpoint says of itself, for a page that cannot ask: nothing, if it does not answer. */
  function info(url, say) {
    var began = Date.now();
    var stop = ask("GET", url, null, function (status, text) {
      var told = [null, null];
      try {
        if (status === 200) { told = [JSON.parse(text), Date.now() - began]; }
      } catch (_) { /* It is not there, but something else is. */ }
      say("t", JSON.stringify(told));
    });
    return { send: function () {}, stop: stop };
  }

  function bootstrap() {
    var windowId = location.hash.slice(1), origin, current;

    function say(type, data) {
      parent.postMessage(JSON.stringify({ windowId: windowId, type: type, data: data || "" }), origin || "*");
    }
    function begin(transport, url) {
      var link = document.createElement("a");
      link.href = url;
      if (link.protocol !== location.protocol || link.host !== location.host) { return; }
      if (transport === "iframe-info-receiver") {
        /* Anything else that is to be read here is not for the page. */
        return link.pathname === location.pathname.replace(/[^\/]*$/, "info") ? info(url, say) : undefined;
      }
      return receivers[transport] && session(transport, url, say);
    }
    window.addEventListener("message", function (event) {
      var told, start;
      if (event.source !== parent || (origin && event.origin !== origin)) { return; }
      if (SOCKJS_ORIGINS.indexOf("*") < 0 && event.origin !== location.origin && SOCKJS_ORIGINS.indexOf(event.origin) < 0) { return; }
      try { told = JSON.parse(event.data); } catch (_) { return; }
      if (!told || told.windowId !== windowId) { return; }
      origin = event.origin;
      if (told.type === "s" && !current) {
        try { start = JSON.parse(told.data); } catch (_) { return; }
        if (start) { current = begin(start[1], start[2]); }
      } else if (told.type === "m" && current) {
        current.send(told.data);
      } else if (told.type === "c" && current) {
        current.stop();
        current = null;
      }
    });
    say("s");
  }

  return { bootstrap_iframe: bootstrap };
})();
