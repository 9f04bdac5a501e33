package livekit

import (
	"errors"
	"net/http"

	"github.com/golang-jwt/jwt/v5"
	"github.com/livekit/protocol/auth"
	livekitproto "github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/utils/protojson"
	"github.com/livekit/protocol/webhook"

	"foyer/internal/fault"
)

// maxEvent is how large an event may be, in bytes: LiveKit bounds what rooms and participants carry to
// half of it.
const maxEvent = 2 << 20

// Kind says what an Event is about, in LiveKit's words.
type Kind string

// The events that matter to us.
const (
	RoomStarted        Kind = webhook.EventRoomStarted
	RoomFinished       Kind = webhook.EventRoomFinished
	ParticipantJoined  Kind = webhook.EventParticipantJoined
	ParticipantLeft    Kind = webhook.EventParticipantLeft
	ParticipantAborted Kind = webhook.EventParticipantConnectionAborted
	TrackPublished     Kind = webhook.EventTrackPublished
	EgressStarted      Kind = webhook.EventEgressStarted
	EgressUpdated      Kind = webhook.EventEgressUpdated
	EgressEnded        Kind = webhook.EventEgressEnded
)

// Event is news from LiveKit. It may come twice, late, and in any order.
type Event struct {
	// ID is the same when the event is repeated.
	ID   string
	Kind Kind
	// Room is the LiveKit room's name; empty when the event has none.
	Room string
	// Participant is whom it is about; nil when it is about nobody. Of TrackPublished it has the Identity and SID alone.
	Participant *Participant
	// Egress is what it is about; nil when that is something else.
	Egress *Egress
}

// Receive reads an event that LiveKit sends (docs.livekit.io/home/server/webhooks). Unauthenticated
// when it is not signed with one of our keys, Invalid when it cannot be read, an *http.MaxBytesError when
// it is too large.
func (c *Client) Receive(w http.ResponseWriter, r *http.Request) (*Event, error) {
	if err := c.signed(r); err != nil {
		if IsUntimely(err) {
			return nil, fault.From(err, fault.Unauthenticated, "this is signed for another time; compare the clocks")
		}
		return nil, fault.From(err, fault.Unauthenticated, "this is not signed by LiveKit")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxEvent)
	body, err := webhook.Receive(r, c.keys())
	if tooLarge, is := errors.AsType[*http.MaxBytesError](err); is {
		return nil, tooLarge
	}
	if err != nil {
		return nil, fault.From(err, fault.Unauthenticated, "this is not signed by LiveKit")
	}
	event := &livekitproto.WebhookEvent{}
	newer := protojson.UnmarshalOptions{DiscardUnknown: true, AllowPartial: true}
	if err := newer.Unmarshal(body, event); err != nil {
		return nil, fault.From(err, fault.Invalid, "this is no event of LiveKit's")
	}
	return c.eventOf(event), nil
}

// signed checks who has signed a request before its body is read: strangers would have Foyer keep bodies of
// maxEvent on each of their connections. Whether the signature is of that body is checked once it is read.
func (c *Client) signed(r *http.Request) error {
	token, err := auth.ParseAPIToken(r.Header.Get("Authorization"))
	if err != nil {
		return err
	}
	secret := c.keys().GetSecret(token.APIKey())
	if secret == "" {
		return webhook.ErrSecretNotFound
	}
	_, _, err = token.Verify(secret)
	return err
}

// IsUntimely reports whether an error of Receive is that a key of ours has signed for another time: LiveKit's clock and
// ours differ by more than a minute, unless somebody shows an old token.
func IsUntimely(err error) bool {
	return errors.Is(err, jwt.ErrTokenNotValidYet) || errors.Is(err, jwt.ErrTokenExpired)
}

// keys are all that LiveKit may sign with.
func (c *Client) keys() auth.KeyProvider {
	all := map[string]string{c.settings.APIKey: c.settings.APISecret}
	for key, secret := range c.settings.OlderKeys {
		if _, newer := all[key]; !newer {
			all[key] = secret
		}
	}
	return auth.NewFileBasedKeyProviderFromMap(all)
}

func (c *Client) eventOf(from *livekitproto.WebhookEvent) *Event {
	e := &Event{ID: from.GetId(), Kind: Kind(from.GetEvent()), Room: from.GetRoom().GetName()}
	if p := from.GetParticipant(); p != nil {
		e.Participant = ParticipantOf(p)
	}
	if egress := from.GetEgressInfo(); egress != nil {
		e.Egress = c.egressOf(egress)
		e.Room = e.Egress.Room
	}
	return e
}
