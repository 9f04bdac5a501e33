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

// accepted has a client's q value for each of our media types (RFC 9110, 12.5.1); 0 means not accepted.
type accepted struct {
	json, response, events float64
	// namesEvents and namesResponse: the client named the type itself, rather than a range that includes it.
	namesEvents, namesResponse bool
}

// maxAccept is how many bytes of Accept headers are read. Browsers send some two hundred.
const maxAccept = 4 << 10

// negotiated caches parsed headers: most clients send one of a few.
var negotiated, _ = lru.New[string, accepted](200) // fails only for size 0

// maxNegotiated is how many bytes a header may have to be cached.
const maxNegotiated = 256

// negotiate reads Accept headers. A client without one is older than the GraphQL over HTTP draft.
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
	// A more specific range takes precedence, whatever the order.
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

// streams reports whether the client accepts event streams. */* alone does not count.
func (a accepted) streams() bool { return a.namesEvents && a.events > 0 }

// MediaType returns the media type of a response that is one document, for code that answers a request before this
// package does.
func MediaType(r *http.Request) string { return negotiate(r.Header.Values("Accept")).document() }

// document returns the media type of a response that is one document. A client that accepts both alike and does not
// name the newer one is old.
func (a accepted) document() string {
	if a.response > a.json || a.response > 0 && a.response == a.json && a.namesResponse {
		return typeResponse
	}
	return typeJSON
}

// stream reports whether to answer with an event stream: a subscription if the client accepts one, any other operation
// only if the client prefers one.
func (a accepted) stream(subscription bool) bool {
	return a.streams() && (subscription || a.events > max(a.json, a.response))
}
