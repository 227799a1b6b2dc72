// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells inotify watchers in this machine of what its host has done to shared folders: virtiofs has no message for that.
 *
 * A batch of events is one write(2) to /dev/orlop-notify, strings that each end in NUL:
 *
 *	share PATH			what follows is in the file system that is mounted there
 *	MASK COOKIE DIR INO NAME	an event of inotify(7): the inode numbers of the folder and of what the name stands for
 *					(0: nothing, or unknown), all in hexadecimal; the name
 *
 * read(2) says how many inodes of shares were watched at the last batch, and how many events were told since loading.
 *
 * Folders are found by number among the inodes that are watched, which are in memory. What the kernel remembers of a name
 * is dropped and attributes are asked of the host again, so that a watcher that looks sees what it was told. Nothing is
 * written to the share: it may be read-only.
 */
#include <linux/bsearch.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fsnotify.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/stringhash.h>
#include <linux/uaccess.h>

#define BATCH_BYTES	(256 * 1024)
#define MAX_INODES	(128 * 1024)
#define NAME_EVENTS	(FS_CREATE | FS_DELETE | FS_MOVED_FROM | FS_MOVED_TO)
#define EVENTS		(NAME_EVENTS | FS_MODIFY | FS_ATTRIB | FS_CLOSE_WRITE)

/* A share, and of its inodes those that are watched and the folders that hold them: in order of their numbers, held. */
struct share {
	struct path root;
	struct inode **inodes;
	unsigned int count;
	u32 cookie, own_cookie;		/* the host's, and what stands for it here */
	struct inode *nobody;		/* stands for a file that is not in memory, so that nobody watches it */
};

static DEFINE_MUTEX(one_batch);
static unsigned long watched, raised;

static void hold(struct share *share, struct inode *inode)
{
	if (share->count < MAX_INODES && igrab(inode))
		share->inodes[share->count++] = inode;
}

static int by_number(const void *a, const void *b)
{
	const struct inode *x = *(struct inode **)a, *y = *(struct inode **)b;

	return x->i_ino < y->i_ino ? -1 : x->i_ino > y->i_ino;
}

static void close_share(struct share *share)
{
	while (share->count > 0)
		iput(share->inodes[--share->count]);
	path_put(&share->root);
	share->root = (struct path) {};
}

static int open_share(struct share *share, const char *path)
{
	struct inode *inode, *pause = NULL;
	struct super_block *sb;
	unsigned int seen = 0, own;
	int error;

	close_share(share);
	error = kern_path(path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &share->root);
	if (error)
		return error;
	sb = share->root.dentry->d_sb;
	if (!fsnotify_sb_has_watchers(sb))
		return 0;
	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (READ_ONCE(inode->i_fsnotify_mask))
			hold(share, inode);
		/* The list may be long; an inode that is held keeps its place in it meanwhile. */
		if (++seen % 4096 == 0 && igrab(inode)) {
			spin_unlock(&sb->s_inode_list_lock);
			iput(pause);
			pause = inode;
			cond_resched();
			spin_lock(&sb->s_inode_list_lock);
		}
	}
	spin_unlock(&sb->s_inode_list_lock);
	iput(pause);
	own = share->count;
	watched += own;
	while (own-- > 0) {
		struct dentry *alias = d_find_any_alias(share->inodes[own]);
		struct dentry *parent = alias ? dget_parent(alias) : NULL;

		if (parent && parent != alias)
			hold(share, d_inode(parent));
		dput(parent);
		dput(alias);
	}
	sort(share->inodes, share->count, sizeof(*share->inodes), by_number, NULL);
	return 0;
}

static int with_number(const void *key, const void *element)
{
	u64 wanted = *(const u64 *)key, number = (*(struct inode *const *)element)->i_ino;

	return wanted < number ? -1 : wanted > number;
}

static struct inode *find(struct share *share, u64 number)
{
	struct inode **found = bsearch(&number, share->inodes, share->count, sizeof(*share->inodes), with_number);

	return found ? *found : NULL;
}

static void ask_again(struct share *share, struct dentry *dentry)
{
	struct path path = { .mnt = share->root.mnt, .dentry = dentry };
	struct kstat ignored;

	if (dentry && d_is_positive(dentry))
		vfs_getattr(&path, &ignored, STATX_BASIC_STATS, AT_STATX_FORCE_SYNC);
}

static void tell_self(struct inode *inode, u32 mask)
{
	fsnotify(mask | (S_ISDIR(inode->i_mode) ? FS_ISDIR : 0), inode, FSNOTIFY_EVENT_INODE, NULL, NULL, inode, 0);
}

/* What had a name has it no more. With its last one it ends for its watchers, as where a file is removed; the host knows. */
static void lose_name(struct share *share, struct dentry *dentry)
{
	struct inode *inode = d_inode(dentry);

	if (!READ_ONCE(inode->i_fsnotify_mask))
		return;
	ask_again(share, dentry);
	tell_self(inode, inode->i_nlink ? FS_ATTRIB : FS_DELETE_SELF);
	if (!inode->i_nlink)
		__fsnotify_inode_delete(inode);
}

static void tell(struct share *share, u32 mask, struct inode *dir, u64 number, struct qstr *name)
{
	struct inode *self = find(share, number), *had;
	struct dentry *parent = dir ? d_find_any_alias(dir) : NULL;
	struct dentry *child = parent && name->len ? d_hash_and_lookup(parent, name) : NULL;
	bool stays;

	if (IS_ERR_OR_NULL(child))
		child = self && !(mask & (FS_CREATE | FS_MOVED_TO)) ? d_find_any_alias(self) : NULL;
	had = child ? d_inode(child) : NULL;
	if (!(mask & NAME_EVENTS)) {
		ask_again(share, child ? child : parent);
		if (!self)
			self = had ? had : share->nobody;
		/* Once for the folder's watchers, with the name, and once for its own. */
		if (dir && name->len)
			fsnotify(mask | FS_EVENT_ON_CHILD, dir, FSNOTIFY_EVENT_INODE, dir, name, self, 0);
		else
			tell_self(self, mask & EVENTS);
	} else {
		ask_again(share, parent);
		if (had && mask & FS_MOVED_FROM)
			tell_self(had, FS_MOVE_SELF);
		else if (had && (mask & FS_DELETE || had->i_ino != number))
			lose_name(share, child);
		/* A folder that moves stays what it is for those who are in it. */
		if (mask & FS_MOVED_FROM)
			stays = had && S_ISDIR(had->i_mode);
		else
			stays = had && !(mask & FS_DELETE) && had->i_ino == number;
		if (child && !stays)
			d_drop(child);
		if (dir)
			fsnotify(mask, dir, FSNOTIFY_EVENT_INODE, dir, name, NULL, share->own_cookie);
	}
	raised++;
	dput(child);
	dput(parent);
}

static int take(struct share *share, char *record)
{
	unsigned int mask, cookie;
	unsigned long long dir, number;
	struct qstr name;
	int at = 0;

	if (!strncmp(record, "share ", 6))
		return open_share(share, record + 6);
	if (sscanf(record, "%x %x %llx %llx %n", &mask, &cookie, &dir, &number, &at) < 4 || !at)
		return -EINVAL;
	name = (struct qstr) QSTR_INIT((unsigned char *)record + at, strlen(record + at));
	if (mask & ~(EVENTS | FS_ISDIR) || hweight32(mask & EVENTS) != 1 || name.len > NAME_MAX || strchr(record + at, '/'))
		return -EINVAL;
	/* Both halves of a move follow each other, and have a cookie that nothing else of this kernel has. */
	if (cookie != share->cookie)
		share->own_cookie = cookie ? fsnotify_get_cookie() : 0;
	share->cookie = cookie;
	if (share->count)
		tell(share, mask, find(share, dir), number, &name);
	return 0;
}

static ssize_t notify_write(struct file *file, const char __user *from, size_t size, loff_t *offset)
{
	struct share share = { .nobody = file_inode(file) };
	char *batch, *at;
	int error = 0;

	if (!size || size > BATCH_BYTES)
		return -EMSGSIZE;
	batch = vmemdup_user(from, size);
	if (IS_ERR(batch))
		return PTR_ERR(batch);
	share.inodes = kvmalloc_array(MAX_INODES, sizeof(*share.inodes), GFP_KERNEL);
	if (!share.inodes)
		error = -ENOMEM;
	else if (batch[size - 1])
		error = -EINVAL;
	mutex_lock(&one_batch);
	watched = 0;
	for (at = batch; !error && at < batch + size; at += strlen(at) + 1) {
		error = take(&share, at);
		cond_resched();
	}
	close_share(&share);
	mutex_unlock(&one_batch);
	kvfree(share.inodes);
	kvfree(batch);
	return error ? error : size;
}

static ssize_t notify_read(struct file *file, char __user *to, size_t size, loff_t *offset)
{
	char text[48];
	int length = scnprintf(text, sizeof(text), "%lu %lu\n", READ_ONCE(watched), READ_ONCE(raised));

	return simple_read_from_buffer(to, size, offset, text, length);
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.read = notify_read,
	.write = notify_write,
	.llseek = default_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "orlop-notify",
	.mode = 0600,
	.fops = &operations,
};

module_misc_device(device);
MODULE_DESCRIPTION("Tells inotify watchers of what the host does to shared folders");
MODULE_LICENSE("GPL");
