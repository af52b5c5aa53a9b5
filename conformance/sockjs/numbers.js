"use strict";
// Numbers that are published, and clients that follow them through proxies: in node, and in a page that has this as a script.

const numbers = (() => {
    /** After so long a silence a proxy cuts. */
    const IDLE_MS = 10_000;
    /** How much later it has done so for sure. */
    const MARGIN_MS = 600;
    const LATE_MS = 15_000;
    /** How long clients wait for a transport before they take the next: some do. */
    const PATIENCE_MS = 1_500;
    const BURST = 20;
    const PACE_MS = 15;

    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

    async function until(holds, what) {
        const end = Date.now() + LATE_MS;
        while (!holds()) {
            if (Date.now() > end) throw new Error(`${what()}: not within ${LATE_MS} ms`);
            await pause(2);
        }
    }

    /**
     * A client at `/pogu` that follows a topic: `heard` has the bodies. Whenever its connection has ended it comes back with the cursor of
     * what it heard last; `cuts` counts those that it did not end itself. One that is blind does not see that it has been cut, and goes
     * after as long.
     */
    function follow(SockJS, { name, url, transports, isCut, isBlind }, topic) {
        const follower = { name, isCut, heard: [], connections: 0, cuts: 0 };
        let cursor, socket, watch, isOver = false;
        const leave = () => {
            socket.onclose = connect;
            socket.close();
        };
        const hear = (data) => {
            clearTimeout(watch);
            if (isBlind) watch = setTimeout(leave, IDLE_MS + MARGIN_MS / 2);
            const [, beginning] = data.match(/^OK seq=1 cursor=(\S+)$/) ?? [];
            if (beginning) {
                cursor ??= beginning;
                follower.connections++;
                socket.onclose = () => {
                    follower.cuts++;
                    connect();
                };
                return;
            }
            const [, place, body] = data.match(/^MSG \S+ cursor=(\S+) (?:\S+=\S* )*:([^]*)$/) ?? [];
            cursor = place ?? cursor;
            follower.heard.push(body ?? data);
        };
        const connect = () => {
            clearTimeout(watch);
            if (isOver) return;
            socket = new SockJS(`${url}/pogu`, null, { transports, timeout: PATIENCE_MS });
            socket.onopen = () => socket.send(`SUB ${topic}${cursor ? ` after=${cursor}` : ""}`);
            socket.onmessage = ({ data }) => hear(data);
            socket.onclose = connect;
        };
        follower.leave = leave;
        follower.stop = () => {
            isOver = true;
            leave();
        };
        connect();
        return follower;
    }

    /**
     * Publishes numbers at a server, and follows them by each of these ways: {name, url, transports, isCut, isBlind}. All go away by
     * themselves while numbers come, and all are silent until proxies cut: once until the client of the first way sees that it has been
     * cut, so that others are while numbers come again, and once until all have been whose proxy does. Nobody may miss a number, or hear
     * one twice, or be cut otherwise.
     */
    async function ride(SockJS, server, topic, ways) {
        const followers = ways.map((way) => follow(SockJS, way, topic));
        let count = 0;
        const publish = async () => {
            const answer = await fetch(`${server}/topics/${topic}`, { method: "POST", body: `${count++}` });
            if (!answer.ok) throw new Error(`publishing is answered by ${answer.status}`);
        };
        const burst = async () => {
            for (let at = 0; at < BURST; at++) {
                await publish();
                await pause(PACE_MS);
            }
        };
        const lagging = () => followers.filter(({ heard }) => heard.length < count).map(({ name, heard }) => `${name} (${heard.length})`);
        const allHear = () => until(() => !lagging().length, () => `${count} numbers for ${lagging().join(", ")}`);
        // The server, too, closes connections that ask nothing for so long, and the next number is not to meet that.
        const asking = setInterval(() => fetch(`${server}/topics/${topic}`).catch(() => {}), 1_000);
        try {
            await until(() => followers.every(({ connections }) => connections), () => "all connect");
            const [first] = followers;
            const silences = [
                (cuts) => until(() => first.cuts > cuts, () => `${first.name} is cut`),
                () => pause(IDLE_MS + MARGIN_MS),
            ];
            for (const silence of silences) {
                await burst();
                for (const follower of followers) follower.leave();
                await burst();
                await allHear();
                // What all hear on the connections that they have by now is the last before the silence.
                const { cuts } = first;
                await publish();
                await allHear();
                await silence(cuts);
                await burst();
            }
            await allHear();
            for (const { name, isCut, heard, cuts } of followers) {
                const wrong = heard.findIndex((body, at) => body !== `${at}`);
                if (wrong >= 0) throw new Error(`${name} has heard ${heard[wrong]} in the place of ${wrong}`);
                if (heard.length > count) throw new Error(`${name} has heard more than there is`);
                if (cuts && !isCut) throw new Error(`${name} has lost ${cuts} connections`);
            }
        } finally {
            clearInterval(asking);
            for (const follower of followers) follower.stop();
        }
    }

    return { ride };
})();

if (typeof module !== "undefined") module.exports = numbers;
