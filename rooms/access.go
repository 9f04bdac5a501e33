package rooms

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/predicate"
	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
)

// Action is something that a role may or may not do in a room. Its value is a part of error messages.
type Action string

// The actions of a room.
const (
	ReadConfiguration Action = "see the configuration of"
	ReadAccesses      Action = "see who has access to"
	ReadStatus        Action = "follow what happens in"
	DecideEntries     Action = "decide who enters"
	Moderate          Action = "moderate"
	Invite            Action = "invite people to"
	Change            Action = "change"
	RecordMeetings    Action = "record what happens in"
	ReadRecordings    Action = "see all recordings of"
	ReadAudit         Action = "read the audit of"
	Remove            Action = "delete"
)

var (
	anyRole = []roomaccess.Role{
		roomaccess.RoleOWNER, roomaccess.RoleADMINISTRATOR, roomaccess.RoleMEMBER,
	}
	hosts  = []roomaccess.Role{roomaccess.RoleOWNER, roomaccess.RoleADMINISTRATOR}
	owners = []roomaccess.Role{roomaccess.RoleOWNER}

	allowed = map[Action][]roomaccess.Role{
		ReadConfiguration: anyRole,
		ReadAccesses:      hosts,
		ReadStatus:        anyRole,
		DecideEntries:     hosts,
		Moderate:          hosts,
		Invite:            hosts,
		Change:            hosts,
		RecordMeetings:    hosts,
		ReadRecordings:    hosts,
		ReadAudit:         owners,
		Remove:            owners,
	}
)

// Role returns the viewer's role in a room; empty for none.
func (s *Service) Role(ctx context.Context, r *ent.Room) (roomaccess.Role, error) {
	viewer := auth.FromContext(ctx)
	if loaded, err := r.Edges.AccessesOrErr(); err == nil {
		return roleAmong(loaded, viewer.UserID), nil
	}
	return s.RoleOf(ctx, r.ID, viewer.UserID)
}

func roleAmong(accesses []*ent.RoomAccess, userID uuid.UUID) roomaccess.Role {
	for _, a := range accesses {
		if a.UserID == userID {
			return a.Role
		}
	}
	return ""
}

// RoleOf returns a user's role in a room; empty for none, and for nobody (a zero id).
func (s *Service) RoleOf(
	ctx context.Context, roomID, userID uuid.UUID,
) (roomaccess.Role, error) {
	if userID == uuid.Nil {
		return "", nil
	}
	access, err := s.db.RoomAccess.Query().
		Where(roomaccess.UserID(userID), roomaccess.RoomID(roomID)).
		Only(ctx)
	if ent.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find role in room %s: %w", roomID, err)
	}
	return access.Role, nil
}

// Require fails unless the viewer may do an action in a room at this moment: with Unauthenticated for nobody, with
// NotFound if the room does not exist, and otherwise with Forbidden.
func (s *Service) Require(ctx context.Context, roomID uuid.UUID, action Action) error {
	_, err := s.RoomFor(ctx, roomID, action)
	return err
}

// RoomFor is Require that also returns the room and the viewer's standing in it.
func (s *Service) RoomFor(
	ctx context.Context, roomID uuid.UUID, action Action,
) (*ent.RoomStanding, error) {
	if !auth.FromContext(ctx).SignedIn() {
		return nil, auth.ErrNobody()
	}
	standing, err := s.ViewerStanding(ctx, roomID)
	if err != nil {
		return nil, err
	}
	return standing, Permit(ctx, standing, action)
}

// Permit is Require for a standing that the caller has read already.
func Permit(ctx context.Context, standing *ent.RoomStanding, action Action) error {
	switch {
	case !auth.FromContext(ctx).SignedIn():
		return auth.ErrNobody()
	case !slices.Contains(allowed[action], standing.Role):
		return fault.New(fault.Forbidden, "you may not %s this room", action)
	}
	return nil
}

// RolesOf returns the roles of users in a room. Users without a role are left out.
func (s *Service) RolesOf(
	ctx context.Context, roomID uuid.UUID, userIDs []uuid.UUID,
) (map[uuid.UUID]roomaccess.Role, error) {
	if len(userIDs) == 0 {
		return nil, nil
	}
	accesses, err := s.db.RoomAccess.Query().
		Where(roomaccess.UserIDIn(userIDs...), roomaccess.RoomID(roomID)).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("find roles in room %s: %w", roomID, err)
	}
	roles := make(map[uuid.UUID]roomaccess.Role, len(accesses))
	for _, a := range accesses {
		roles[a.UserID] = a.Role
	}
	return roles, nil
}

// HostedBy is a predicate for the rooms that a user hosts.
func HostedBy(userID uuid.UUID) predicate.Room {
	return room.HasAccessesWith(roomaccess.UserID(userID), roomaccess.RoleIn(hosts...))
}

// IsHost reports whether a role is that of a host.
func IsHost(role roomaccess.Role) bool { return slices.Contains(hosts, role) }

// ViewerCanJoin reports whether the viewer may walk into a room without asking, and is not banned.
func (s *Service) ViewerCanJoin(ctx context.Context, r *ent.Room) (bool, error) {
	may, err := s.ViewerMayWalkIn(ctx, r)
	viewer := auth.FromContext(ctx)
	if err != nil || !may || !viewer.SignedIn() {
		return may, err
	}
	if bans, err := r.Edges.BansOrErr(); err == nil { // only the viewer's bans were loaded
		return len(bans) == 0, nil
	}
	banned, err := s.Banned(ctx, r.ID, Person{ID: viewer.UserID, UserID: viewer.UserID})
	return err == nil && len(banned) == 0, err
}

// ViewerMayWalkIn reports whether the viewer may walk into a room without asking, apart from bans.
func (s *Service) ViewerMayWalkIn(ctx context.Context, r *ent.Room) (bool, error) {
	role, err := s.Role(ctx, r)
	return err == nil && MayWalkIn(r, auth.FromContext(ctx).SignedIn(), role), err
}

// MayWalkIn is the rule for entering without asking. Hosts always may. Nobody else may while the room is locked.
// Otherwise people with a role may, everybody may enter a PUBLIC room, and users may enter a TRUSTED room.
func MayWalkIn(r *ent.Room, signedIn bool, role roomaccess.Role) bool {
	switch {
	case IsHost(role):
		return true
	case r.LockedAt != nil:
		return false
	case role != "" || r.AccessLevel == room.AccessLevelPUBLIC:
		return true
	default:
		return r.AccessLevel == room.AccessLevelTRUSTED && signedIn
	}
}
