package transport

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
)

// The media types that we answer with.
const (
	typeJSON     = "application/json"
	typeResponse = "application/graphql-response+json"
	typeStream   = "text/event-stream"
)

// accepted is how much a client wants each of our media types: its q value (RFC 9110, 12.5.1), 0 for
// not at all.
type accepted struct {
	json, response, events float64
	// namesEvents and namesResponse: the client named the type, rather than a range that has it.
	namesEvents, namesResponse bool
}

// maxAccept is how many bytes of Accept headers are read: browsers send some two hundred.
const maxAccept = 4 << 10

// negotiated are headers that were read last: clients of one kind send one and the same.
var negotiated, _ = lru.New[string, accepted](200) // fails for no size but 0

// maxNegotiated is how many bytes a header may have to be remembered.
const maxNegotiated = 256

// negotiate reads Accept headers. Without one, the client is one from before the draft.
func negotiate(headers []string) accepted {
	header := strings.Join(headers, ",")
	header = header[:min(len(header), maxAccept)]
	if strings.TrimSpace(header) == "" {
		return accepted{json: 1}
	}
	read, known := negotiated.Get(header)
	if !known {
		if read = readAccept(header); len(header) <= maxNegotiated {
			negotiated.Add(strings.Clone(header), read)
		}
	}
	return read
}

func readAccept(header string) accepted {
	// The more specific range decides over the less specific one, wherever it stands.
	quality := map[string]float64{}
	for part := range strings.SplitSeq(header, ",") {
		mediaType, options, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		quality[mediaType] = max(quality[mediaType], qualityOf(options))
	}
	of := func(ranges ...string) float64 {
		for _, r := range ranges {
			if q, ok := quality[r]; ok {
				return q
			}
		}
		return 0
	}
	_, namesEvents := quality[typeStream]
	_, namesResponse := quality[typeResponse]
	return accepted{
		json:        of(typeJSON, "application/*", "*/*"),
		response:    of(typeResponse, "application/*", "*/*"),
		events:      of(typeStream, "text/*", "*/*"),
		namesEvents: namesEvents, namesResponse: namesResponse,
	}
}

func qualityOf(options map[string]string) float64 {
	text, given := options["q"]
	if !given {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil || q < 0 || q > 1 {
		return 0
	}
	return q
}

func (a accepted) any() bool { return a.json > 0 || a.response > 0 || a.streams() }

// streams reports whether the client takes event streams. A mere */* does not say so.
func (a accepted) streams() bool { return a.namesEvents && a.events > 0 }

// MediaType returns that of an answer which is one document, for who answers a request in this
// package's place.
func MediaType(r *http.Request) string { return negotiate(r.Header.Values("Accept")).document() }

// document returns the media type for an answer that is one document. Who accepts both alike and does
// not name the newer one is an old client.
func (a accepted) document() string {
	if a.response > a.json || a.response > 0 && a.response == a.json && a.namesResponse {
		return typeResponse
	}
	return typeJSON
}

// stream reports whether to answer as an event stream: a subscription to who takes one, anything
// else only to who takes nothing else as gladly.
func (a accepted) stream(subscription bool) bool {
	return a.streams() && (subscription || a.events > max(a.json, a.response))
}
