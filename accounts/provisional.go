package accounts

import (
	"cmp"
	"context"
	"slices"

	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/predicate"
	"foyer/ent/recordingaccess"
	"foyer/ent/roomaccess"
	"foyer/ent/user"
)

// ranks are the roles in a room, the highest first.
var ranks = []roomaccess.Role{roomaccess.RoleOWNER, roomaccess.RoleADMINISTRATOR, roomaccess.RoleMEMBER}

// completeProvisional gives the provisional account of an e-mail address, if one exists, to the person who has
// verified the address. A person who already has an account gets the roles and shares of the provisional one.
func (s *Service) completeProvisional(ctx context.Context, who auth.Identity, subject string) error {
	provisional := user.And(user.Email(who.Email), user.SubjectIsNil())
	if exists, err := s.db.User.Query().Where(provisional).Exist(ctx); err != nil || !exists {
		return err
	}
	return database.RetryTx(ctx, s.db, func(tx *ent.Tx) error {
		id, err := tx.User.Query().Where(provisional).OnlyID(ctx)
		if ent.IsNotFound(err) {
			return nil // another sign-in was faster
		}
		if err != nil {
			return err
		}
		account, err := tx.User.Query().Where(user.Subject(subject)).OnlyID(ctx)
		if ent.IsNotFound(err) {
			return tx.User.Update().Where(user.ID(id), user.SubjectIsNil()).
				SetSubject(subject).SetLanguage(languageOf(who)).SetTimeZone(timeZoneOf(who)).Exec(ctx)
		}
		if err != nil {
			return err
		}
		return merge(ctx, tx, id, account)
	})
}

// merge moves the roles and shares of a provisional account to another account, and deletes the provisional one. In a
// room where both have a role, the higher role stays. Like every change of roles, it locks the rooms.
func merge(ctx context.Context, tx *ent.Tx, from, to uuid.UUID) error {
	theirs := tx.RoomAccess.Query().Where(roomaccess.UserID(from))
	accesses, err := theirs.Clone().All(ctx)
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, 0, len(accesses))
	for _, a := range accesses {
		ids = append(ids, a.RoomID)
	}
	if _, err := database.LockRooms(ctx, tx, ids...); err != nil {
		return err
	}
	still, err := tx.User.Query().Where(user.ID(from), user.SubjectIsNil(), database.ForUpdate).Exist(ctx)
	if err != nil || !still {
		return err // if it no longer exists, another sign-in was faster
	}
	// Read again: roles may have changed before the locks were held.
	if accesses, err = theirs.Where(roomaccess.RoomIDIn(ids...)).All(ctx); err != nil {
		return err
	}
	for _, a := range accesses {
		if err := tx.RoomAccess.DeleteOne(a).Exec(ctx); err != nil {
			return err
		}
		if err := raise(ctx, tx, to, a); err != nil {
			return err
		}
	}
	if err := mergeShares(ctx, tx, from, to); err != nil {
		return err
	}
	// This fails, and the transaction runs again, if the provisional account has just got another role or share.
	return tx.User.DeleteOneID(from).Exec(ctx)
}

// mergeShares moves the shares of recordings from one account to another.
func mergeShares(ctx context.Context, tx *ent.Tx, from, to uuid.UUID) error {
	shares, err := tx.RecordingAccess.Query().Where(recordingaccess.UserID(from)).All(ctx)
	if err != nil {
		return err
	}
	for _, share := range shares {
		err := tx.RecordingAccess.Create().SetUserID(to).SetRecordingID(share.RecordingID).SetEmail(share.Email).
			OnConflict(sql.ConflictColumns(
				recordingaccess.FieldUserID, recordingaccess.FieldRecordingID)).
			Update(func(u *ent.RecordingAccessUpsert) { u.UpdateUpdatedAt() }).
			Exec(ctx)
		if err != nil {
			return err
		}
	}
	_, err = tx.RecordingAccess.Delete().Where(recordingaccess.UserID(from)).Exec(ctx)
	return err
}

// raise gives a user the role of an access, unless the user has a higher role in that room.
func raise(ctx context.Context, tx *ent.Tx, userID uuid.UUID, to *ent.RoomAccess) error {
	mine := []predicate.RoomAccess{roomaccess.RoomID(to.RoomID), roomaccess.UserID(userID)}
	held, err := tx.RoomAccess.Query().Where(mine...).Only(ctx)
	if ent.IsNotFound(err) {
		return tx.RoomAccess.Create().
			SetRoomID(to.RoomID).SetUserID(userID).SetRole(to.Role).SetEmail(to.Email).Exec(ctx)
	}
	if err != nil {
		return err
	}
	update := held.Update().SetEmail(cmp.Or(held.Email, to.Email))
	if slices.Index(ranks, held.Role) > slices.Index(ranks, to.Role) {
		update.SetRole(to.Role)
	}
	return update.Exec(ctx)
}
