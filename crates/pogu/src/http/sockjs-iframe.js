/* The script of SockJS's iframe: it receives and sends where the page around it may not, and passes on frames and messages.
 *
 * Messages between the two are JSON: {windowId, type, data}. The page says "s" to start ([version, transport, session URL,
 * base URL]), "m" with a message, "c" to close; this says "s" once it is there, "t" with a frame, "c" ([code, reason]).
 * SOCKJS_ORIGINS, which stands before this, lists the pages that may use it. */
var SockJS = (function () {
  "use strict";

  /* One response or connection after another; `frame` gets each frame, `over` is told whether the last response ended well. */
  var receivers = {
    "eventsource": function (url, frame, over) {
      var source = new EventSource(url + "/eventsource");
      source.onmessage = function (event) { frame(decodeURIComponent(event.data)); };
      source.onerror = function () {
        var well = source.readyState !== EventSource.CLOSED;
        source.close();
        over(well);
      };
      return function () { source.close(); };
    },
    "htmlfile": function (url, frame, over) {
      var name = "_" + Math.random().toString(36).slice(2), page = document.createElement("iframe");
      function end() {
        delete window[name];
        if (page.parentNode) { page.parentNode.removeChild(page); }
      }
      window[name] = {
        start: function () {},
        message: frame,
        stop: function () { end(); over(true); }
      };
      page.style.display = "none";
      page.src = url + "/htmlfile?c=" + name;
      page.onload = function () { if (window[name]) { window[name].stop(); } };
      document.body.appendChild(page);
      return end;
    },
    "xhr-polling": function (url, frame, over) {
      return post(url + "/xhr", null, function (status, text) {
        if (status !== 200) { return over(false); }
        text.split("\n").forEach(function (line) { if (line) { frame(line); } });
        over(true);
      });
    }
  };

  function post(url, body, done) {
    var request = new XMLHttpRequest();
    request.open("POST", url, true);
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
      }, function (well) {
        if (!isOpen) { return; }
        if (well) { setTimeout(function () { if (isOpen) { receive(); } }, 0); } else { close(1006, "Connection lost"); }
      });
    }
    function send() {
      if (!waiting.length || stopSending) { return; }
      var body = "[" + waiting.join(",") + "]";
      waiting = [];
      stopSending = post(url + "/xhr_send", body, function (status) {
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

  function bootstrap() {
    var windowId = location.hash.slice(1), origin, current;

    function say(type, data) {
      parent.postMessage(JSON.stringify({ windowId: windowId, type: type, data: data || "" }), origin || "*");
    }
    function isOwn(url) {
      var link = document.createElement("a");
      link.href = url;
      return link.protocol === location.protocol && link.host === location.host;
    }
    window.addEventListener("message", function (event) {
      var told, start;
      if (event.source !== parent || (origin && event.origin !== origin)) { return; }
      if (SOCKJS_ORIGINS.indexOf("*") < 0 && event.origin !== location.origin && SOCKJS_ORIGINS.indexOf(event.origin) < 0) { return; }
      try { told = JSON.parse(event.data); } catch (_) { return; }
      if (told.windowId !== windowId) { return; }
      origin = event.origin;
      if (told.type === "s" && !current) {
        try { start = JSON.parse(told.data); } catch (_) { return; }
        if (receivers[start[1]] && isOwn(start[2])) { current = session(start[1], start[2], say); }
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
