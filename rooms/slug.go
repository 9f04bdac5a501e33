package rooms

import (
	"crypto/rand"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"foyer/internal/fault"
)

const (
	minSlug = 3
	maxSlug = 100
	maxLink = 4096 // bytes
)

var (
	slugDropped = regexp.MustCompile(`[^a-z0-9_ -]+`)
	slugHyphens = regexp.MustCompile(`[ -]+`)
)

// reserved are the first path segments that do not lead to rooms.
var reserved = []string{
	"assets", "callback", "dev", "graphiql", "graphql", "healthz", "login", "logout", "media", "metrics",
	"oauth", "readyz", "recordings", "webhooks",
}

// randomSlug returns a slug of ten letters, xxx-xxxx-xxx: 47 random bits.
func randomSlug() string {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	b := []byte("xxx-xxxx-xxx")
	random := make([]byte, 1)
	for i := 0; i < len(b); {
		if b[i] == '-' {
			i++
			continue
		}
		rand.Read(random)
		if int(random[0]) < 256-256%len(letters) { // otherwise some letters would be more frequent
			b[i] = letters[int(random[0])%len(letters)]
			i++
		}
	}
	return string(b)
}

// NormalizeSlug returns the slug in a text that a person types, pastes or chooses: lower-case ASCII letters, digits,
// underscores and single hyphens. For a link to a room it returns the room's slug.
func NormalizeSlug(text string) string {
	if len(text) > maxLink {
		return ""
	}
	if text = linked(text); len(text) > 4*maxSlug {
		return ""
	}
	ascii := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r > unicode.MaxASCII:
			return -1
		}
		return r
	}, norm.NFKD.String(text))
	slug := slugDropped.ReplaceAllString(strings.ToLower(ascii), "")
	return strings.Trim(slugHyphens.ReplaceAllString(slug, "-"), "-_")
}

// linked returns the last path segment of a link, and any other text unchanged. A link begins with a slash, a scheme or
// a host.
func linked(text string) string {
	host, path, slashed := strings.Cut(strings.TrimSpace(text), "/")
	if !slashed || host != "" && !strings.ContainsAny(host, ".:") {
		return text
	}
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	path = strings.TrimRight(path, "/.")
	segment := path[strings.LastIndexByte(path, '/')+1:]
	if plain, err := url.PathUnescape(segment); err == nil {
		return plain
	}
	return segment
}

// chosenSlug checks a slug that a person chose. It refuses a slug that looks like a UUID: it would be mistaken for a
// room's id.
func chosenSlug(text string) (string, error) {
	slug := NormalizeSlug(text)
	if len(slug) < minSlug || len(slug) > maxSlug {
		return "", fault.Field("slug",
			"slug needs %d to %d characters (a–z, 0–9, hyphens, underscores)", minSlug, maxSlug)
	}
	if slices.Contains(reserved, slug) {
		return "", fault.Field("slug", "slug must be another: this address is Foyer's own")
	}
	if uuidLike(slug) || uuidLike(strings.TrimSpace(text)) {
		return "", fault.Field("slug", "slug must not look like an id")
	}
	return slug, nil
}

func uuidLike(slug string) bool {
	_, err := uuid.Parse(strings.ReplaceAll(slug, "_", "-"))
	return err == nil
}

// Temporary returns the LiveKit room name of a temporary room, which nobody has created; NotFound if temporary rooms
// are off or the slug is not valid.
func (s *Service) Temporary(slug string) (string, error) {
	name, err := chosenSlug(slug)
	if err != nil || !s.settings.TemporaryRooms {
		return "", errNoRoom()
	}
	return name, nil
}
