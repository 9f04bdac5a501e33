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

// maxEvent is the maximum size of an event in bytes. LiveKit limits the data of rooms and participants to half of it.
const maxEvent = 2 << 20

// Kind says what an Event is about. The values are LiveKit's own.
type Kind string

// The events that Foyer uses.
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

// Event is an event from LiveKit. It may arrive twice, late, and in any order.
type Event struct {
	// ID is the same when LiveKit repeats the event.
	ID   string
	Kind Kind
	// Room is the name of the LiveKit room; empty if the event has none.
	Room string
	// Participant is the participant that the event is about; nil if there is none. For TrackPublished, only the
	// Identity and the SID are set.
	Participant *Participant
	// Egress is the egress that the event is about; nil if there is none.
	Egress *Egress
}

// Receive reads an event that LiveKit sends (docs.livekit.io/home/server/webhooks). The error is Unauthenticated if it
// is not signed with a configured key, Invalid if it cannot be read, and an *http.MaxBytesError if it is too large.
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

// signed checks who signed a request before its body is read. Otherwise strangers could make Foyer hold a body of
// maxEvent on each of their connections. Once the body is read, the signature is checked against it.
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

// IsUntimely reports whether an error of Receive means that a configured key signed for another time: LiveKit's and
// Foyer's clocks differ by more than a minute, or somebody sends an old token.
func IsUntimely(err error) bool {
	return errors.Is(err, jwt.ErrTokenNotValidYet) || errors.Is(err, jwt.ErrTokenExpired)
}

// keys returns all keys that LiveKit may sign with.
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
