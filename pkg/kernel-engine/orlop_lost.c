// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a virtiofs whose server on the host has ended: Linux knows no end of it, and programs would wait for ever.
 *
 * One string that ends in NUL, written to /dev/orlop-lost:
 *
 *	answer TAG	whatever was asked of the server of this tag, and is asked until its device has gone, is answered in
 *			its place: ENOTCONN. So the device can be taken away, which waits for all that it was asked.
 *	abort PATH	the same for the file system that is mounted there, once and for all, where the device stays. What was
 *			asked is forgotten and never answered, so the device cannot be taken away any more.
 *
 * A request that waits is a chain of descriptors in one of the device's rings (virtio 1.2 §2.7), and the device's part of a
 * ring is memory of this machine that nobody else writes any more.
 */
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/fuse.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_fs.h>
#include <uapi/linux/virtio_ids.h>

#define TAG_BYTES	sizeof_field(struct virtio_fs_config, tag)
#define MOST_BYTES	(PATH_MAX + 8)
#define LOOK_EVERY	(HZ / 50)
#define LONGEST		(60 * HZ)

/* A device whose server has ended, until it has gone. */
struct loss {
	struct delayed_work work;
	struct virtio_device *device;
	unsigned long deadline;
};

/* Of drivers/virtio/virtio_ring.c, which is in no package: what follows the ring that virtqueue_get_vring() returns. */
struct slot {
	void *request;		/* NULL: the descriptor begins no chain that waits */
	struct vring_desc *table;
};
struct ring {
	struct vring vring;
	u16 avail_flags, avail_idx;
	struct slot *slots;
};

static void *at(__virtio64 address)
{
	return phys_to_virt(le64_to_cpu((__force __le64)address));
}

/* @return how many bytes were written into the reply */
static u32 refuse(const struct vring *vring, unsigned int head)
{
	struct vring_desc *table = vring->desc, *desc = &table[head];
	unsigned int count = vring->num, seen = 0;
	struct fuse_out_header *reply;
	u64 unique;

	if (le16_to_cpu((__force __le16)desc->flags) & VRING_DESC_F_INDIRECT) {
		count = le32_to_cpu((__force __le32)desc->len) / sizeof(*desc);
		desc = table = at(desc->addr);
	}
	unique = ((struct fuse_in_header *)at(desc->addr))->unique;
	while (!(le16_to_cpu((__force __le16)desc->flags) & VRING_DESC_F_WRITE)) {
		unsigned int next = le16_to_cpu((__force __le16)desc->next);

		/* What the server is only told (FUSE_FORGET) has no reply. */
		if (!(le16_to_cpu((__force __le16)desc->flags) & VRING_DESC_F_NEXT) || next >= count || ++seen > count)
			return 0;
		desc = &table[next];
	}
	reply = at(desc->addr);
	*reply = (struct fuse_out_header) { .len = sizeof(*reply), .error = -ENOTCONN, .unique = unique };
	return sizeof(*reply);
}

static void answer_queue(struct virtqueue *queue)
{
	const struct vring *vring = virtqueue_get_vring(queue);
	const struct ring *ring = container_of(vring, struct ring, vring);
	u16 given = le16_to_cpu((__force __le16)READ_ONCE(vring->avail->idx));
	u16 used = le16_to_cpu((__force __le16)READ_ONCE(vring->used->idx));
	u16 waiting = 0;
	unsigned int head;

	smp_mb();
	/* As many wait as the two counters say, or the driver is in the middle of something (or not the one known): next time. */
	if (given == used || READ_ONCE(ring->avail_idx) != given || !virt_addr_valid(ring->slots))
		return;
	for (head = 0; head < vring->num; head++)
		waiting += !!READ_ONCE(ring->slots[head].request);
	if (waiting != (u16)(given - used))
		return;
	for (head = 0; head < vring->num; head++) {
		vring_used_elem_t *element = &vring->used->ring[used & (vring->num - 1)];

		if (!READ_ONCE(ring->slots[head].request))
			continue;
		element->len = (__force __virtio32)cpu_to_le32(refuse(vring, head));
		element->id = (__force __virtio32)cpu_to_le32(head);
		used++;
	}
	smp_wmb();
	WRITE_ONCE(vring->used->idx, (__force __virtio16)cpu_to_le16(used));
	smp_mb();
	vring_interrupt(0, queue);
}

static void answer(struct work_struct *work)
{
	struct loss *loss = container_of(to_delayed_work(work), struct loss, work);
	struct virtio_device *device = loss->device;
	struct virtqueue *queue;
	bool gone;

	spin_lock(&device->vqs_list_lock);
	gone = list_empty(&device->vqs);
	list_for_each_entry(queue, &device->vqs, list)
		answer_queue(queue);
	spin_unlock(&device->vqs_list_lock);
	if (!gone && time_before(jiffies, loss->deadline)) {
		schedule_delayed_work(&loss->work, LOOK_EVERY);
		return;
	}
	put_device(&device->dev);
	kfree(loss);
	module_put(THIS_MODULE);
}

/* @return 1 for the device of a tag, which is held then */
static int has_tag(struct device *dev, void *wanted)
{
	char tag[TAG_BYTES + 1] = {};
	struct virtio_device *device;

	if (!dev->bus || strcmp(dev->bus->name, "virtio"))
		return 0;
	device = dev_to_virtio(dev);
	virtio_cread_bytes(device, offsetof(struct virtio_fs_config, tag), tag, TAG_BYTES);
	if (strcmp(tag, *(const char **)wanted))
		return 0;
	get_device(dev);
	*(struct virtio_device **)wanted = device;
	return 1;
}

static int answer_share(const char *tag)
{
	struct pci_dev *slot = NULL;
	struct loss *loss;
	void *found = (void *)tag;

	while ((slot = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1040 + VIRTIO_ID_FS, slot)))
		if (device_for_each_child(&slot->dev, &found, has_tag))
			break;
	if (!slot)
		return -ENODEV;
	pci_dev_put(slot);
	loss = kzalloc(sizeof(*loss), GFP_KERNEL);
	/* Rings of another kind, or addresses that are not those of memory. */
	if (!loss || virtio_has_feature(found, VIRTIO_F_RING_PACKED) || virtio_has_feature(found, VIRTIO_F_ACCESS_PLATFORM)) {
		put_device(&((struct virtio_device *)found)->dev);
		kfree(loss);
		return loss ? -EOPNOTSUPP : -ENOMEM;
	}
	__module_get(THIS_MODULE);
	loss->device = found;
	loss->deadline = jiffies + LONGEST;
	INIT_DELAYED_WORK(&loss->work, answer);
	schedule_delayed_work(&loss->work, 0);
	return 0;
}

/* Of the file systems' own header, fs/fuse/fuse_i.h, which is in no package: what a super block's s_fs_info begins with. */
struct fuse_conn;
struct fuse_mount_start {
	struct fuse_conn *conn;
};
extern void fuse_abort_conn(struct fuse_conn *conn);

/* The root of a mount is found without its server. */
static int abort_share(const char *name)
{
	void (*abort)(struct fuse_conn *conn);
	struct super_block *sb;
	struct path path;
	int error;

	error = kern_path(name, LOOKUP_DIRECTORY, &path);
	if (error)
		return error;
	sb = path.dentry->d_sb;
	abort = symbol_get(fuse_abort_conn);
	if (!abort || strcmp(sb->s_type->name, "virtiofs") || path.dentry != sb->s_root)
		error = -EINVAL;
	else
		abort(((struct fuse_mount_start *)sb->s_fs_info)->conn);
	if (abort)
		symbol_put(fuse_abort_conn);
	path_put(&path);
	return error;
}

static ssize_t lost_write(struct file *file, const char __user *from, size_t size, loff_t *offset)
{
	char *words;
	int error = -EINVAL;

	if (!size || size > MOST_BYTES)
		return -EMSGSIZE;
	words = memdup_user_nul(from, size);
	if (IS_ERR(words))
		return PTR_ERR(words);
	if (words[size - 1])
		error = -EINVAL;
	else if (!strncmp(words, "answer ", 7))
		error = answer_share(words + 7);
	else if (!strncmp(words, "abort ", 6))
		error = abort_share(words + 6);
	kfree(words);
	return error ? error : size;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.write = lost_write,
	.llseek = default_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "orlop-lost",
	.mode = 0600,
	.fops = &operations,
};

module_misc_device(device);
MODULE_DESCRIPTION("Ends what waits for a virtiofs that has lost its server");
MODULE_LICENSE("GPL");
