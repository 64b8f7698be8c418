// The numbers of the demo, and why they are these.

/** What the API allows. It answers 429 beyond that. */
export const apiLimit = { requestsPerSecond: 400, burstSize: 40 }

/** How many requests each crawler has under way at most, those that wait for the limiter included. */
export const requestsAtOnce = 10
export const crawlers = 3

/**
 * What the crawlers allow themselves together.
 *
 * The rate is the API's own: both clocks are this machine's, so neither runs ahead. (Against a remote API ask for 0.1 % less.)
 *
 * The burst makes a 429 impossible, however late a request arrives. Take any w seconds by the API's clock. The requests it
 * sees in them either had their token before (at most `crawlers * requestsAtOnce` = 30, since each loop waits for its answer
 * before it asks again) or got it within these w seconds (at most burst + 400 w). So it sees at most 30 + 8 + 400 w, and
 * it admits 40 + 400 w. A stalled server, a slow read or a collection of garbage only delays the 30.
 *
 * Eight tokens of burst bridge 20 ms in which no crawler asks, so no part of the rate is lost to a busy event loop.
 */
export const ownLimit = { name: 'demo-api', requestsPerSecond: 400, burstSize: 8 }

/** The part of the API's rate that the crawl must reach. */
export const leastShare = 0.98
