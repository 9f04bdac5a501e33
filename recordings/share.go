package recordings

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"foyer/accounts"
	"foyer/ent"
	"foyer/ent/auditevent"
	"foyer/ent/recordingaccess"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/rooms"
)

// shareTries is how often sharing starts again with somebody who signs in for the first time just then.
const shareTries = 3

// ShareInput names a recording and a person, by exactly one of his id and his e-mail address.
type ShareInput struct {
	RecordingID uuid.UUID
	UserID      *uuid.UUID
	Email       *string
}

// Share lets a person see a recording, for a host. An e-mail address that nobody has makes a provisional
// account, as with roles in rooms: so the answer does not tell which addresses have one. RateLimited after
// too many of those.
func (s *Service) Share(ctx context.Context, in ShareInput) (*ent.Recording, error) {
	if (in.UserID == nil) == (in.Email == nil) {
		return nil, fault.New(fault.Invalid,
			"name the person by userId or by email: exactly one of them")
	}
	rec, err := s.hosted(ctx, in.RecordingID)
	if err != nil {
		return nil, err
	}
	if err := s.rooms.AllowGrant(ctx, rec.RoomID); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		userID, shared, err := s.share(ctx, in)
		if ent.IsConstraintError(err) && try < shareTries {
			continue
		}
		if err != nil {
			return nil, err
		}
		if shared {
			s.record(ctx, rec, rooms.Act{
				Action: auditevent.ActionSHARE_RECORDING, Target: s.rooms.PersonOf(ctx, userID),
			})
		}
		return s.Get(ctx, in.RecordingID)
	}
}

// share finds the person, and reports whether the recording was not shared with him before.
func (s *Service) share(ctx context.Context, in ShareInput) (uuid.UUID, bool, error) {
	userID, email, err := s.person(ctx, in)
	if err != nil {
		return uuid.Nil, false, err
	}
	known, err := s.db.RecordingAccess.Query().
		Where(recordingaccess.UserID(userID), recordingaccess.RecordingID(in.RecordingID)).Exist(ctx)
	if err == nil && known && email != "" { // perhaps by id before: hosts may see what one of them has written
		err = s.db.RecordingAccess.Update().Where(recordingaccess.UserID(userID),
			recordingaccess.RecordingID(in.RecordingID), recordingaccess.Email("")).SetEmail(email).Exec(ctx)
	}
	if err != nil || known {
		return userID, false, err
	}
	err = s.db.RecordingAccess.Create().SetUserID(userID).SetRecordingID(in.RecordingID).SetEmail(email).
		OnConflict(sql.ConflictColumns(recordingaccess.FieldUserID, recordingaccess.FieldRecordingID)).
		Update(func(u *ent.RecordingAccessUpsert) { u.UpdateUpdatedAt() }).
		Exec(ctx)
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("share a recording: %w", err)
	}
	return userID, true, nil
}

// person returns whom an id or an e-mail address names, and that address as accounts have it.
func (s *Service) person(ctx context.Context, in ShareInput) (uuid.UUID, string, error) {
	if in.Email != nil {
		email, err := accounts.WrittenEmail(*in.Email)
		if err != nil {
			return uuid.Nil, "", err
		}
		userID, err := s.accounts.ByEmail(ctx, email)
		return userID, email, err
	}
	exists, err := s.db.User.Query().Where(user.ID(*in.UserID)).Exist(ctx)
	if err != nil {
		return uuid.Nil, "", fmt.Errorf("find person: %w", err)
	}
	if !exists {
		return uuid.Nil, "", fault.New(fault.NotFound, "there is no such person").With("field", "userId")
	}
	return *in.UserID, "", nil
}

// Unshare no longer lets a person see a recording by sharing: for a host, and for everybody of himself. It
// returns the recording; nil when the viewer may not see it any more.
func (s *Service) Unshare(ctx context.Context, id, userID uuid.UUID) (*ent.Recording, error) {
	rec, err := s.Get(ctx, id)
	if err == nil && !viewerIs(ctx, userID) {
		rec, err = s.hosted(ctx, id)
	}
	if err != nil {
		return nil, err
	}
	gone, err := s.db.RecordingAccess.Delete().
		Where(recordingaccess.RecordingID(id), recordingaccess.UserID(userID)).Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("no longer share a recording: %w", err)
	}
	if gone > 0 {
		s.record(ctx, rec, rooms.Act{
			Action: auditevent.ActionUNSHARE_RECORDING, Target: s.rooms.PersonOf(ctx, userID),
		})
	}
	rec, err = s.Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil // he has left it
	}
	return rec, err
}
