//! The parameters of a GET on a topic.

use pogu_hub::After;

use crate::config::nearest;
use crate::problem::Problem;

/// The way that messages are to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Poll,
    Stream,
    Sse,
}

const KNOWN: [&str; 6] = ["after", "wait", "limit", "via", "echo", "last_event_id"];

/// What the query of a topic's URL says.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) after: Option<After>,
    /// The same from `last_event_id`, which a browser's first request has in place of the header.
    pub(super) last_event_id: Option<String>,
    /// Seconds to wait for the first message.
    pub(super) wait: Option<f64>,
    pub(super) limit: Option<usize>,
    pub(super) via: Option<Via>,
    pub(super) no_echo: bool,
}

impl Parameters {
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut parameters = Self::default();
        for pair in query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (key, value) = (decode(key)?, decode(value)?);
            match key.as_str() {
                "after" => {
                    parameters.after = Some(value.parse().map_err(|_| Problem::bad_cursor("after", &value))?);
                }
                "last_event_id" | "lastEventId" => parameters.last_event_id = Some(value),
                "wait" => {
                    let seconds = value
                        .parse()
                        .ok()
                        .filter(|wait: &f64| wait.is_finite() && *wait >= 0.0);
                    parameters.wait = Some(
                        seconds
                            .ok_or_else(|| Problem::bad_parameter("wait", &value, "seconds, such as 25"))?,
                    );
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| *limit > 0);
                    parameters.limit = Some(limit.ok_or_else(|| {
                        Problem::bad_parameter("limit", &value, "a number of messages from 1")
                    })?);
                }
                "via" => {
                    parameters.via = Some(match value.as_str() {
                        "poll" => Via::Poll,
                        "stream" => Via::Stream,
                        "sse" => Via::Sse,
                        _ => return Err(Problem::bad_parameter("via", &value, "poll, stream or sse")),
                    });
                }
                "echo" => {
                    parameters.no_echo = match value.as_str() {
                        "0" => true,
                        "1" => false,
                        _ => return Err(Problem::bad_parameter("echo", &value, "0 or 1")),
                    };
                }
                // Others may be meant for a proxy, a cache or SockJS.
                name => {
                    if let Some(meant) = nearest(name, &KNOWN) {
                        return Err(Problem::unknown_parameter(name, meant));
                    }
                }
            }
        }
        Ok(parameters)
    }
}

/// Undoes percent-encoding (RFC 3986 §2.1) and `+` for a space.
pub(super) fn decode(text: &str) -> Result<String, Problem> {
    let bad = || Problem::bad_parameter("the URL", text, "percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| (digit? as char).to_digit(16));
                let [Some(high), Some(low)] = digits else {
                    return Err(bad());
                };
                u8::try_from(high << 4 | low).map_err(|_| bad())?
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read() {
        let query = "after=last:3&wait=2.5&limit=7&via=sse&echo=0&t=12&_=1&c=x&token=secret&user=1&id=2";
        let parameters = Parameters::parse(Some(query)).unwrap();
        assert_eq!(parameters.after, Some(After::Last(3)));
        assert_eq!(parameters.wait, Some(2.5));
        assert_eq!(parameters.limit, Some(7));
        assert_eq!(parameters.via, Some(Via::Sse));
        assert!(parameters.no_echo);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for query in [
            "after=x",
            "wait=-1",
            "wait=NaN",
            "wait=soon",
            "limit=0",
            "via=pigeon",
            "echo=2",
            "after=%zz",
            "a=%ff",
            "wiat=1",
            "After=1-2",
        ] {
            assert!(Parameters::parse(Some(query)).is_err(), "{query}");
        }
    }

    #[test]
    fn percent_signs_are_undone() {
        assert_eq!(decode("%ED%8F%AC%EA%B5%AC+a%2Bb").unwrap(), "포구 a+b");
    }
}
