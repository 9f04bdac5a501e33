// Package livekit has all communication with LiveKit.
package livekit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/livekit/protocol/auth"
)

// Names of the attributes that every participant has. Clients read them; only Foyer writes them.
const (
	AttributeColor           = "color"
	AttributeRole            = "room_role"
	AttributeIsAuthenticated = "is_authenticated"
	// AttributeHand is when the participant raised their hand (RFC 3339); missing while it is down.
	AttributeHand = "hand_raised_at"
	// AttributeDeployment is the name of the Foyer installation that made the token. Several installations may share a
	// LiveKit.
	AttributeDeployment = "deployment"
)

// Reserved reports whether only Foyer or LiveKit may write an attribute.
func Reserved(attribute string) bool {
	return slices.Contains(
		[]string{
			AttributeColor, AttributeRole, AttributeIsAuthenticated, AttributeHand, AttributeDeployment,
		}, attribute) ||
		strings.HasPrefix(attribute, "lk.")
}

// Roles of a participant, as in the attribute room_role; "" for everybody else.
const (
	RoleOwner         = "owner"
	RoleAdministrator = "administrator"
	RoleMember        = "member"
)

// Join says who may enter which LiveKit room, and what they may do there.
type Join struct {
	// Room is the name of the LiveKit room.
	Room string
	// Identity is the person's identity in this session of the room.
	Identity uuid.UUID
	// Name is the name that others see: already checked, at most 256 bytes (LiveKit's limit).
	Name string
	// UserID is zero for a person without an account.
	UserID uuid.UUID
	// Role is one of the Role constants or empty.
	Role string
	// Sources are the media that the person can send; none if empty.
	Sources []string
	// OnlySources, if set, replaces Sources, whatever the person's role: a host has decided it.
	OnlySources *[]string
	// Data allows data messages (chat).
	Data bool
	// Deaf forbids receiving media.
	Deaf bool
}

// Details are what a client needs to enter. The names are LiveKit's own.
type Details struct {
	ServerURL        string
	RoomName         string
	ParticipantToken string
	ParticipantName  string
	// ExpiresAt is until when the token can be used to enter. LiveKit renews it for connected participants.
	ExpiresAt time.Time
}

// Details makes the token that lets one person into one room (a JWT in LiveKit's access token format,
// docs.livekit.io/home/get-started/authentication), and returns it with the URL to use it at. Every join token is made
// here, after the room if LiveKit requires that. An empty room name or identity is refused, because LiveKit's own
// builder would sign a token that allows more than intended.
func (c *Client) Details(ctx context.Context, j Join) (*Details, error) {
	if j.Room == "" || j.Identity == uuid.Nil {
		return nil, errors.New("a join token needs a room and an identity")
	}
	if err := c.open(ctx, j.Room); err != nil {
		return nil, err
	}
	// It is taken before signing and truncated to the second like the claim, so that it never promises more than the
	// token.
	expiresAt := time.Now().Add(c.settings.TokenTTL).Truncate(time.Second)
	token, err := auth.NewAccessToken(c.settings.APIKey, c.settings.APISecret).
		SetIdentity(j.Identity.String()).
		SetName(j.Name).
		SetAttributes(c.Attributes(j)).
		SetVideoGrant(c.grant(j)).
		SetValidFor(c.settings.TokenTTL).
		ToJWT()
	if err != nil {
		return nil, fmt.Errorf("sign join token: %w", err)
	}
	c.tokens.Add(1)
	return &Details{
		ServerURL: c.settings.PublicURL, RoomName: j.Room, ParticipantToken: token,
		ParticipantName: j.Name, ExpiresAt: expiresAt,
	}, nil
}

// Attributes returns the attributes of a participant by the current rules.
func (c *Client) Attributes(j Join) map[string]string {
	authenticated := "false"
	if j.UserID != uuid.Nil {
		authenticated = "true"
	}
	attributes := map[string]string{
		AttributeColor:           Color(j.UserID, j.Identity),
		AttributeRole:            j.Role,
		AttributeIsAuthenticated: authenticated,
	}
	if c.settings.Deployment != "" {
		attributes[AttributeDeployment] = c.settings.Deployment
	}
	return attributes
}

// Made reports whether a participant entered with a token of this deployment. Participants with tokens of versions that
// did not name it may belong to another one, so they do not count.
func (c *Client) Made(p *Participant) bool {
	_, ours := p.Attributes[AttributeIsAuthenticated]
	return ours && (p.Kind == Person || p.Second()) && p.Attributes[AttributeDeployment] == c.settings.Deployment
}

// Permission returns what a participant may do by the current rules. Hosts may do whatever the server allows.
func (c *Client) Permission(j Join) Permission {
	p := Permission{Subscribe: !j.Deaf, Data: j.Data, Sources: j.Sources}
	if IsHost(j.Role) {
		p.Sources = c.settings.DefaultSources
	}
	if j.OnlySources != nil {
		p.Sources = *j.OnlySources
	}
	return p
}

// grant sets every permission explicitly: for LiveKit, a missing permission does not always mean "no", and an empty
// list of sources means all of them.
func (c *Client) grant(j Join) *auth.VideoGrant {
	p := c.Permission(j)
	grant := &auth.VideoGrant{
		RoomJoin:          true,
		Room:              j.Room,
		RoomAdmin:         IsHost(j.Role) && c.settings.HostsAreRoomAdmins,
		CanPublishSources: p.Sources,
	}
	grant.SetCanPublish(len(p.Sources) > 0)
	grant.SetCanSubscribe(p.Subscribe)
	grant.SetCanPublishData(p.Data)
	grant.SetCanUpdateOwnMetadata(false)
	return grant
}

// IsHost reports whether a role is that of a host.
func IsHost(role string) bool { return role == RoleOwner || role == RoleAdministrator }

// Color returns the colour of a person everywhere: of their account or, without one (zero), of their entry. It is a
// pure function of the id, as CSS: hsl(0–359, 50–75%, 25–60%).
func Color(userID, entryID uuid.UUID) string {
	id := userID
	if id == uuid.Nil {
		id = entryID
	}
	sum := sha256.Sum256(id[:])
	draw := func(i, n int) int { return int(binary.BigEndian.Uint32(sum[4*i:]) % uint32(n)) }
	return fmt.Sprintf("hsl(%d, %d%%, %d%%)", draw(0, 360), 50+draw(1, 26), 25+draw(2, 36))
}
