// Package livekit is all that is said to LiveKit and heard from it.
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

// Names of the attributes that every participant carries. Clients read them; only Foyer writes them.
const (
	AttributeColor           = "color"
	AttributeRole            = "room_role"
	AttributeIsAuthenticated = "is_authenticated"
	// AttributeHand is when the participant raised his hand (RFC 3339); absent while it is down.
	AttributeHand = "hand_raised_at"
	// AttributeDeployment names the installation of Foyer that made the token: several may share a LiveKit.
	AttributeDeployment = "deployment"
)

// Reserved reports whether an attribute is written by Foyer or LiveKit alone.
func Reserved(attribute string) bool {
	return slices.Contains(
		[]string{
			AttributeColor, AttributeRole, AttributeIsAuthenticated, AttributeHand, AttributeDeployment,
		}, attribute) ||
		strings.HasPrefix(attribute, "lk.")
}

// Roles of a participant as the attribute room_role spells them; anybody else has "".
const (
	RoleOwner         = "owner"
	RoleAdministrator = "administrator"
	RoleMember        = "member"
)

// Join says who may enter which LiveKit room, and what he may do there.
type Join struct {
	// Room is the LiveKit room's name.
	Room string
	// Identity is the person's for this session of the room.
	Identity uuid.UUID
	// Name is what others see: already checked, at most 256 bytes (LiveKit's limit).
	Name string
	// UserID is zero for a person without an account.
	UserID uuid.UUID
	// Role is one of the Role constants or empty.
	Role string
	// Sources are the media the person may send; none means no media at all.
	Sources []string
	// OnlySources, when set, is what a host has decided that the person may send, whatever his role.
	OnlySources *[]string
	// Data allows data messages (chat).
	Data bool
	// Deaf forbids to receive media.
	Deaf bool
}

// Details are what a client needs to enter, in LiveKit's own words.
type Details struct {
	ServerURL        string
	RoomName         string
	ParticipantToken string
	ParticipantName  string
	// ExpiresAt ends the token's use for entering. LiveKit refreshes it for those connected.
	ExpiresAt time.Time
}

// Details makes the token that lets one person into one room (a JWT of LiveKit's access token
// format, docs.livekit.io/home/get-started/authentication), and says where to take it.
// Every join token is made here, and the room first where LiveKit wants that. A nameless room or identity is refused: LiveKit's own builder
// would sign a token that is good for more than was meant.
func (c *Client) Details(ctx context.Context, j Join) (*Details, error) {
	if j.Room == "" || j.Identity == uuid.Nil {
		return nil, errors.New("a join token needs a room and an identity")
	}
	if err := c.open(ctx, j.Room); err != nil {
		return nil, err
	}
	// Taken before signing, and cut to the whole second as the claim is, so that we never promise
	// more than the token holds.
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

// Attributes are those that a participant carries, by the rules of this moment.
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

// Made reports whether a participant entered with a token of this deployment. Participants of versions that did
// not name it may be another's, so they are not ours.
func (c *Client) Made(p *Participant) bool {
	_, ours := p.Attributes[AttributeIsAuthenticated]
	return ours && (p.Kind == Person || p.Second()) && p.Attributes[AttributeDeployment] == c.settings.Deployment
}

// Permission is what a participant may do, by the rules of this moment: hosts whatever the server
// allows.
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

// grant spells out every permission: what LiveKit reads from an absent one is not always "no", and
// an empty list of sources means all of them.
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

// IsHost reports whether a participant of this role is a host.
func IsHost(role string) bool { return role == RoleOwner || role == RoleAdministrator }

// Color returns the colour that stands for a person everywhere: of his account or, without one
// (zero), of his entry. It is a pure function of the id, as CSS: hsl(0–359, 50–75%, 25–60%).
func Color(userID, entryID uuid.UUID) string {
	id := userID
	if id == uuid.Nil {
		id = entryID
	}
	sum := sha256.Sum256(id[:])
	draw := func(i, n int) int { return int(binary.BigEndian.Uint32(sum[4*i:]) % uint32(n)) }
	return fmt.Sprintf("hsl(%d, %d%%, %d%%)", draw(0, 360), 50+draw(1, 26), 25+draw(2, 36))
}
