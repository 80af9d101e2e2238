"""The words around numbers in a text: what role each has, by language.

The tables come first, then how a word or a phrase is looked up in them. Everything here is looked
up in the clean, folded form of a text (see `code_text`); the tables are folded once, at import.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from simlet.domain.code_text import clean, fold


class Role(Enum):
    """What an item of a text is to the numbers around it."""

    # There is one of each, so that its place in memory is its hash: Enum's own goes by the name,
    # and took a quarter of the search.
    __hash__ = object.__hash__

    CODE = auto()  # names a one-time code and nothing else
    WORD = auto()  # may name one: code, password, mã
    OTHER = auto()  # names another number: order number, account number, sum
    TOPIC = auto()  # what a code may be for, and what may have a number: account, order
    GOODS = auto()  # like TOPIC, and a "code" beside it is its own: parcel, gift card
    SUM = auto()  # a currency
    CONTACT = auto()  # a number to call, or to write to
    COMPOSE = auto()  # the text to write to such a number: soạn
    SEND = auto()  # gửi: to a number to write to, or what a code is sent for
    OLD = auto()  # the code beside it is no longer good
    AVOID = auto()  # the code behind it is not to be used
    LINK = auto()  # is, là, as
    COLON = auto()  # : = >
    OWNER = auto()  # your, của bạn
    FOR = auto()  # for, cho
    ACT = auto()  # enter, use, nhập
    PURPOSE = auto()  # to sign in, để xác nhận
    SHARE = auto()  # the verb of a warning, or of a message about a code that comes elsewhere
    THIS = auto()  # this (code)
    PROMO = auto()  # talks of a rebate
    PLAIN = auto()  # any other word
    COMMA = auto()
    LINE = auto()
    END = auto()  # of a sentence
    MARK = auto()  # brackets, quotes: they change nothing
    THING = auto()  # something that holds digits and is no code
    NUMBER = auto()  # a candidate


# What names another number than a one-time code, or speaks against the code beside it.
LABELS = {
    Role.OTHER, Role.TOPIC, Role.GOODS, Role.SUM, Role.CONTACT, Role.COMPOSE, Role.SEND, Role.OLD,
    Role.AVOID,
}  # fmt: skip

# ---------------------------------------------------------------------------- words, by language
# A phrase is written as people write it; accents and capitals do not matter in Latin script.

_CODE = """
vi  otp | mã otp | maotp | mã xác thực | mã xác minh | mã xác nhận | mã kích hoạt | mã đăng nhập
vi  mã đăng ký | mã bảo mật | mã an toàn | mã pin | mã một lần | mã dùng một lần | mã truy cập
vi  mã khôi phục | mã mở khóa | mã đặt lại | mã số xác thực | mã số xác nhận | mã số bí mật
vi  mã bí mật | mã sms | số xác thực | số xác nhận | mật khẩu otp | mật khẩu một lần | smart otp
vi  mật mã | mã kiểm tra | mã xác nhập | mã số xác minh | mã giao dịch otp | mã cấp lại mật khẩu
vi  mxt | mxn | mxm | mã ghép nối | mã kết nối | mã liên kết
ms  tac | kod tac
en  safekey | securecode | verification code | verification pin | verification number
en  verify code | security code | verification password | validation code | confirmation code
en  authentication code | auth code | authorization code | authorisation code | activation code
en  login code | log in code | signin code | sign in code | access code | passcode | pass code
en  one time password | one time code | one time pin | one time passcode | single use code
en  dynamic password | 2fa | two factor code | mfa | tfa | totp | recovery code | reset code
en  registration code | vcode | sms code | security pin | login pin | login otp | otp code
en  2fa code | verification codes | temporary password | temporary code | secret code
en  digit code | verificationcode | pairing code | sign in number | login number | account key
de  tan | mtan | smstan | sms tan | bestätigungscode | verifizierungscode | sicherheitscode
de  einmalpasswort | einmalcode | aktivierungscode | anmeldecode | freischaltcode | logincode
fr  code de vérification | code de sécurité | code de confirmation | code de validation
fr  code d'activation | code de connexion | code d'accès | code d'authentification
fr  mot de passe à usage unique | code à usage unique
es  código de verificación | código de seguridad | código de confirmación | código de acceso
es  código de activación | clave dinámica | clave de un solo uso | código de inicio de sesión
pt  código de verificação | código de segurança | código de confirmação | código de acesso
pt  código de ativação | código de autenticação | token de acesso
it  codice di verifica | codice di sicurezza | codice di conferma | codice di accesso
id  kode otp | kode verifikasi | kode keamanan | kode aktivasi | kode konfirmasi | kode masuk
tr  doğrulama kodu | doğrulama kodunuz | onay kodu | onay kodunuz | güvenlik kodu
tr  güvenlik kodunuz | aktivasyon kodu | aktivasyon kodunuz | tek kullanımlık şifre | giriş kodu
pl  kod weryfikacyjny | kod potwierdzający | kod bezpieczeństwa | kod aktywacyjny | kod sms
pl  hasło jednorazowe | kod autoryzacyjny | kodem weryfikacyjnym | kod dostępu
nl  verificatiecode | beveiligingscode | bevestigingscode | inlogcode | toegangscode
ru  код подтверждения | код проверки | код доступа | проверочный код | код активации
ru  код для входа | код авторизации | код безопасности | одноразовый код | одноразовый пароль
ru  код смс | код верификации | код регистрации | кодом подтверждения
uk  код підтвердження | код перевірки | код доступу
zh  验证码 | 校验码 | 驗證碼 | 動態碼 | 动态码 | 动态密码 | 動態密碼 | 确认码 | 確認碼 | 安全码
zh  安全碼 | 激活码 | 随机码 | 随机密码 | 短信码 | 登录码 | 登入碼 | 一次性密码 | 一次性密碼
zh  检验码 | 認證碼 | 认证码 | 短信口令 | 动态口令 | 验证密码 | 授权码
ja  認証コード | 確認コード | 認証番号 | 確認番号 | ワンタイムパスワード | 検証コード
ja  セキュリティコード | ログインコード | 認証キー | パスコード | 本人確認コード
ko  인증번호 | 인증 번호 | 인증코드 | 인증 코드 | 확인코드 | 확인 코드 | 보안코드 | 보안 코드
ko  일회용 비밀번호 | 로그인 코드 | 확인번호
ar  كود الدخول | رمز الوصول | رمز تسجيل الدخول | رمز التحقق | رمز التأكيد | رمز الدخول
ar  رمز التفعيل | كود التحقق | كود التفعيل | رمز الأمان | كلمة مرور لمرة واحدة | رمز تحقق
ar  رمز تفعيل
fa  کد تایید | کد تأیید | رمز پویا | کد فعال سازی | رمز یکبار مصرف | کد ورود
he  קוד אימות | קוד האימות | קוד הכניסה
hi  ओटीपी | सत्यापन कोड | सुरक्षा कोड | वेरिफिकेशन कोड | वन टाइम पासवर्ड
bn  ওটিপি | যাচাইকরণ কোড
th  รหัสยืนยัน | รหัสโอทีพี | รหัสความปลอดภัย | โอทีพี | รหัสการยืนยัน
km  លេខកូដផ្ទៀងផ្ទាត់ | កូដផ្ទៀងផ្ទាត់ | លេខកូដបញ្ជាក់
el  κωδικός επαλήθευσης | κωδικός επιβεβαίωσης | κωδικός ασφαλείας
"""

_WORD = """
en  code number | pin number | password number | code | codes | pin | password | verification
en  authentication | pincode | pin code | token
vi  mã | mã số | dãy số | con số | mật khẩu | mã mới | 4 số | 5 số | 6 số | 8 số | 4 chữ số
vi  6 chữ số | mã xt | mã xn | mã xm | mk | pwd | passwd
de  passwort | kennwort
fr  mot de passe
es  código | codigos | clave | contraseña
pt  senha
it  codice
ro  codul
id  kode | kata sandi
ms  kod
tr  kodu | kodunuz | kodun | şifre | şifreniz | parola | parolanız
pl  kodem | hasło
cs  kód | kódem | heslo
hu  kódja | kódod | kódot | jelszó
sv  koden | engångskod
da  engangskode
nl  wachtwoord
fi  koodi | koodisi
hr  lozinka | šifra
sw  msimbo | nambari ya siri | nambari yako ya siri
uz  kodi | kodingiz
ru  код | пароль
el  κωδικός | κωδικό
zh  密码 | 密碼 | 口令 | 代码 | 代碼
ja  コード | 暗証番号 | パスワード
ko  코드 | 비밀번호
ar  رمز | كود | كلمة المرور | كلمة السر
fa  کد
ur  کوڈ
he  קוד | סיסמה
hi  कोड | पासवर्ड
bn  কোড
th  รหัส
lo  ລະຫັດ
km  លេខកូដ | កូដ | លេខសម្ងាត់
my  ကုဒ် | ကုတ်
ka  კოდი
hy  կոդ
am  ኮድ
ta  குறியீடு
"""

_OTHER = """
vi  puk | mã puk | mã bảo hành | mã kiện | mã niêm phong | mã dịch vụ | mã số dịch vụ | mã trạm
vi  số | số điện thoại | sđt | tk | stk | số tk | số tài khoản | số thẻ | thẻ số | đuôi
vi  số đuôi | số cuối | mã giao dịch | mã gd | giao dịch số | gd số | số gd | mã tham chiếu
vi  mã ref | mã đơn hàng | mã đơn | mã đh | đơn hàng số | đh | mã vận đơn | mã khách hàng
vi  mã kh | số kh | mã hợp đồng | mã hđ | số hđ | mã hóa đơn | mã hồ sơ | mã phiếu | mã yêu cầu
vi  mã số thuế | mst | mã bưu gửi | mã bưu chính | mã nhân viên | mã sinh viên | mã sv | mã nv
vi  mã bhxh | mã ctv | mã đại lý | mã cửa hàng | mã giảm giá | mã ưu đãi | mã khuyến mãi
vi  mã khuyến mại | mã quà tặng | mã voucher | mã coupon | mã km | mã giới thiệu | mã freeship
vi  mã miễn phí | mã dự thưởng | mã sản phẩm | mã hàng | mã sp | mã đặt chỗ | mã đặt vé
vi  mã đặt phòng | mã vé | mã chuyến | mã lỗi | mã vùng | mã vạch | mã qr | mã chứng khoán
vi  mã ck | mã tra cứu | mã biên lai | mã máy | mã thiết bị | mã phiên | mã thẻ | mã người dùng
vi  mã tài khoản | mã kiện hàng | mã thanh toán | mã cước | mã gói cước | mã tin | số tiền | st
vi  số dư | sd | tổng tiền | tổng | phí | giá | thu hộ | cod | lô | phòng | số lượng
vi  số seri | cmnd | cccd | số cmnd | số cccd | hộ chiếu | biển số | bks | bsx | mã số nhân viên
vi  mã số khách hàng | mã số sinh viên | mã số đơn hàng | mã số học sinh | mã số gd | mã hs
vi  mã ts | mã hv | mã bn | mã dv | mã bhyt | mã cb | mã số hồ sơ | mã số bhxh | lúc | ngày
vi  mã suất chiếu | ghế | mã ghế | mã định danh | từ số | nd | nội dung | mã nạp | mã thẻ cào
vi  mã trúng thưởng | mã bài | mã học viên | mã môn | mã phòng | 4 số cuối | 4 số đuôi
vi  số báo danh | sbd | mã dự thi | mã số dự thi | stt | số thứ tự | số nhà
en  serial | order number | order no | order id | order code | ref | ref no | reference | ref id
en  no | nr | reference number | reference no | reference code | reference id | txn | txn id
en  trx | utr | rrn | transaction id | transaction no | transaction number | transaction code
en  transaction ref | trans id | trans no | invoice number | invoice no | ticket number
en  ticket no | ticket id | case number | case no | case id | account number | account no | acct
en  acc | a/c | a/c no | card number | card ending | card ending in | ending | ending in
en  ending with | ends in | ends with | last four | id | user id | customer id | client id
en  member id | device id | request id | session id | tracking | tracking number | tracking no
en  tracking code | tracking id | awb | booking code | booking id | booking reference
en  booking number | pnr | phone number | mobile number | phone no | flight | gate | room | seat
en  locker | table | apartment | po box | zip | zip code | postal code | postcode | area code
en  country code | error code | error | promo code | promo | coupon code | coupon
en  discount code | discount | voucher code | gift code | gift card code | offer code
en  referral code | invite code | qr code | barcode | qrcode | zipcode | promocode | dress code
en  source code | product code | sort code | swift code | bank code | branch code | item | sku
en  model | version | build | number | amount | balance | total | price | fee | since
en  policy number | policy no | batch | imei | confirmation number | queue number | waybill
en  bill number | receipt number | receipt no | av bal | avl bal | limit | points
en  serial number | inv | po | hd | employee id | student id | parcel number | shipment number
en  delivery number | job id | txnid | trxid | transid | orderid | userid | refid | refno | merchant
de  bestellnummer | auftragsnummer | sendungsnummer | kundennummer | rechnungsnummer | betrag
de  postleitzahl | gutscheincode | vorgangsnummer | sendung | rechnung | auftrag
fr  code client | code article
fr  numéro de commande | numéro de suivi | montant | référence | code promo | code postal | n°
es  número de pedido | código postal | importe | monto | código promocional
es  código de reserva | código de cliente | código de pedido
es  código de descuento | referencia | folio | saldo | guía | n° de pedido
pt  código de rastreio | código de rastreamento | valor | referência | cupom | protocolo
pt  nota fiscal | código do cliente | código do produto
it  codice cliente | importo | codice promo | codice fiscale | codice sconto
id  nomor pesanan | resi | no resi | nomor resi | no rekening | kode promo | kode voucher
id  kode booking | kode produk
id  nomor | kode transaksi | tagihan | kode pos | kode referral | nomor rekening
tr  sipariş no | takip no | fatura | tutar | numaralı | iban | posta kodu
pl  przesyłka | faktura | kwota | kod rabatowy | numer
nl  bestelnummer | kortingscode | rekeningnummer
ru  код товара | код заказа | код клиента | код города
ru  сумма | баланс | номер | номер заказа | договор | промокод | квитанция | накладная | индекс
uk  сума
zh  订单号 | 訂單編號 | 单号 | 運單號 | 运单号 | 尾号 | 尾號 | 账号 | 帳號 | 余额 | 餘額 | 金额
zh  金額 | 取件码 | 优惠码 | 優惠碼 | 折扣码 | 编号 | 流水号 | 订单编号 | 卡号 | 邮编
ja  注文番号 | 伝票番号 | お問い合わせ番号 | 追跡番号 | 会員番号 | 口座番号 | 郵便番号
ja  予約番号 | お客様番号 | 受付番号 | クーポンコード | 残高
ko  주문번호 | 주문 번호 | 운송장번호 | 운송장 번호 | 송장번호 | 계좌번호 | 예약번호 | 고객번호
ko  잔액 | 쿠폰번호 | 쿠폰코드 | 우편번호 | 할인코드 | 접수번호
ar  طلبك رقم | رقم الطلب | رقم الحساب | رقم | رصيد | رصيدك | مبلغ | رقم الشحنة | رقم المرجع
ar  رمز الخصم | كود الخصم
fa  شماره سفارش | کد رهگیری | کد تخفیف
hi  राशि | ऑर्डर संख्या | बैलेंस
th  เลขที่ | หมายเลขพัสดุ | ยอดเงิน | หมายเลขคำสั่งซื้อ | รหัสไปรษณีย์ | รหัสสินค้า | รหัสส่วนลด
km  លេខគណនី
"""

# What has a key of its own, in words that no one-time code is called by: mã lớp, item number.
_KEYED_VI = """
vi  lớp | lớp học | khóa học | môn học | đề thi | xe | chuyến xe | chuyến hàng | chuyến bay | tour
vi  báo giá | đặt sân | đặt bàn | đặt tiệc | đặt lịch | lịch hẹn | cuộc hẹn | cuộc họp | lô hàng
vi  mặt hàng | hàng hóa | vật tư | linh kiện | màu | bưu cục | bưu phẩm | chứng từ | văn bản
vi  công văn | quyết định | biên bản | giấy phép | lệnh | sự cố | phản ánh | khiếu nại | góp ý
vi  bảo hiểm | bệnh nhân | bệnh án | xét nghiệm | đơn thuốc | căn hộ | công tơ | trường | ngành
vi  nhóm | dự án | đề tài | chương trình | danh mục | đối tác | chi nhánh | shop | gian hàng
vi  công ty | doanh nghiệp | thành viên | hội viên | tủ đồ | mời | tt | cn | gv
vi  tiêm chủng
vi  quay số | bốc thăm | rút thăm | tỉnh | huyện | xã | phường | học sinh | phụ huynh | giáo viên
"""
_KEYED_EN = """
en  item | product | part | article | course | class | lot | station | store | shop | branch
en  agent | property | listing | meeting | conference | webinar | event | project | task
en  incident | complaint | quote | quotation | contract | claim | loan | permit | license
en  licence | certificate | membership | loyalty | tour | group | team | color | colour | tax
en  region | state | exit | status | reason | job | dial | dialing | dialling
"""
_KEY_VI = "ma "
_KEYS_EN = ("code", "number", "no", "id")

_TOPIC = """
vi  khách hàng | hội viên | thành viên | người dùng | tên đăng nhập | tài khoản | giao dịch | gd
vi  hợp đồng | hồ sơ | gói | gói cước | thẻ tín dụng | thẻ ghi nợ | thẻ | thiết bị | phiên
vi  yêu cầu
en  document | atm
en  session | user | username | member | customer | client | account | transaction | case | card
en  policy | contract | payment | purchase | request | device | application | track
de  konto | karte | vorgang | auftrag
fr  compte | carte | dossier
es  cuenta | tarjeta
pt  conta | cartão
it  conto | carta
id  rekening | transaksi | akun
tr  hesap | kart
pl  karta
ru  счет | счета | карта | карты | карте | аккаунт
uk  рахунок | картка
zh  账户 | 帳戶
ko  계좌 | 카드
ar  الحساب | حساب | البطاقة | بطاقة
he  חשבון | כרטיס
hi  खाता | खाते
th  บัญชี | บัตร
km  គណនី
"""

_GOODS = """
vi  đơn hàng | đơn | vận đơn | hóa đơn | bưu gửi | kiện hàng | thẻ cào | bưu kiện | thẻ quà tặng
en  order | invoice | ticket | parcel | package | shipment | booking | reservation | box
en  delivery | bill | receipt | gift card
de  bestellung
fr  commande | colis | facture
es  pedido | envío | factura
pt  encomenda | fatura
it  ordine | spedizione | fattura
id  pesanan
tr  sipariş | kargo
pl  zamówienie | zamówienia | paczka
nl  bestelling | zending
ru  заказ | заказа | посылка
uk  замовлення
zh  订单 | 訂單 | 快递 | 快件 | 包裹
ja  ご注文
ko  주문
ar  طلب | الطلب | الشحنة | شحنة
fa  سفارش
he  הזמנה
hi  ऑर्डर
th  คำสั่งซื้อ | พัสดุ
"""

_SUM = """
vi  vnd | đồng | vnđ
en  usd | rs | inr | eur | rp | idr | php | gbp | aud | sgd | myr | rm | thb
"""

_CONTACT = """
vi  hotline | tổng đài | tđ | tđ hỗ trợ | lh | liên hệ | gọi | gọi số | gọi ngay | cskh | gửi số
vi  gửi đến số | gửi về | gửi đến | gửi tới | đt | đầu số | thuê bao | tb | số máy
vi  hỗ trợ | gửi về số | gửi tới số | td hỗ trợ | bấm | quay số | liên lạc | thoại | fax
vi  số thuê bao | alo | đã được gửi đến | đã được gửi tới | đã được gửi về | đã gửi đến | đã gửi tới
vi  đã gửi về | sẽ được gửi đến | sẽ được gửi tới | sẽ được gửi về | sẽ gửi đến | sẽ gửi tới
en  call | call us | call us at | call us on | tel | telephone | dial | contact | helpline
en  hot line | text stop to | stop to | help to | reply to | text to | sms to | sent to
en  to the number | at number | hotline number | toll free | customer care | customer service
en  support | help desk | call center | call centre | short code
en  was sent to | has been sent to | will be sent to
de  telefon | anrufen | rufnummer | rufen sie
fr  téléphone | appelez | appelez le | composez le
es  llame | llame al | llama | llama al | teléfono | envia stop al
pt  ligue | ligue para | telefone | celular
id  hubungi | telepon | ketik
tr  arayın | tel no
pl  zadzwoń
ru  звоните | позвоните | телефон | телефону | тел | по номеру | на номер
zh  拨打 | 撥打 | 致电 | 致電 | 电话 | 電話 | 热线 | 客服 | 回复 | 發送至 | 发送至 | 手机号
zh  咨询 | 详询 | 手机尾号
ja  お電話 | 問い合わせ | お問い合わせ
ko  문의 | 고객센터 | 연락처 | 전화
ar  اتصل | اتصل على | هاتف | جوال | الاتصال | الجوال
hi  कॉल करें | कॉल | फ़ोन | फोन | मोबाइल
th  โทร | ติดต่อ | เบอร์
"""

_COMPOSE = """
vi  soạn
"""

_SEND = """
vi  gửi
"""

_OLD = """
vi  mã cũ | mã otp cũ | cũ | mã trước | mã trước đó | đã hết hạn | đã hết hiệu lực
vi  không còn hiệu lực | đã bị hủy | không còn dùng | không còn giá trị | vô hiệu | hết hạn rồi
vi  đã hủy | đã được sử dụng | hết hiệu lực rồi | đã cũ
en  old code | old | old one | previous code | earlier code | has expired | is expired
en  expired code | no longer valid | is no longer valid | is invalid | was expired
en  previous otp | old otp | is not valid | has been cancelled | was cancelled | already used
en  is no longer active
es  código anterior | ya no es válido | ha caducado
pt  não é mais válido | expirou
fr  ancien code | n'est plus valable | a expiré
de  alter code | nicht mehr gültig | abgelaufen
id  kode lama | sudah tidak berlaku | sudah kedaluwarsa
ru  старый код | недействителен | истек | больше не действителен
zh  已失效 | 已过期 | 旧验证码 | 旧码 | 作废 | 已過期
ja  古いコード | 無効
ko  이전 인증번호 | 만료된 | 만료되
"""

_AVOID = """
vi  ví dụ | vd
en  e.g. | eg | for example
vi  đừng nhập | đừng nhập mã | đừng dùng | đừng dùng mã | không nhập | không nhập mã
vi  không dùng | không dùng mã | không phải | không phải là | thay cho | thay cho mã | bỏ mã
vi  bỏ qua mã | thay thế mã | không sử dụng mã | chứ không phải | đã dùng mã | đã sử dụng mã
vi  đã nhập mã
en  do not use | don't use | dont use | do not enter | don't enter | ignore | instead of | not
en  do not use code | don't use code | ignore code | previous | replaces | replaces code
es  en lugar de | no use
pt  em vez de
de  statt
id  bukan
ru  не используйте | вместо
zh  而不是
"""

_LINK = """
vi  là | là số | như sau | dưới đây
en  is | are | as | below | being | reads | equals | it is | it's
de  ist | lautet | lauten | als
fr  est | comme
es  es | como
pt  é | e
id  adalah | ialah | ini adalah
pl  jest
sv  är
da  er
nl  luidt
ru  это | является
uk  це
zh  是 | 为 | 為
ja  は | が | です
ko  는 | 은
ar  هو | هي
fa  است
hi  है
th  คือ
km  គឺ
"""

_OWNER = """
vi  của bạn | của quý khách | của quý vị | của qk | của anh | của chị | của em | của anh/chị
vi  của mình | cua kh | của khách hàng | bạn | quý khách | qk
en  your | for you | the | a | an
de  ihr | ihre | dein | deine
fr  votre | ton | le
es  tu | su | el
pt  seu | sua
it  il tuo | tuo
id  anda | kamu | kakak
ru  ваш | вашего | твой
zh  您的 | 你的 | 本次 | 的
ja  あなたの | お客様の | の
ko  귀하의
hi  आपका | आपके | आपकी
ar  الخاص بك
th  ของคุณ | ของท่าน
km  របស់អ្នក
"""

_FOR = """
vi  cho | của | tới | để
en  for | to | from | of | on
es  para
fr  pour
de  für
id  untuk
ru  для
"""

_ACT = """
en  enter the number | enter number | enter code number | enter | use | using | input | type
en  insert | type in | key in | submit | with
vi  nhập | nhập số | nhập dãy số | nhập đúng | dùng | sử dụng | gõ | điền | hãy nhập | hãy dùng
de  nutzen | nutzen sie | verwenden | verwenden sie | geben sie | nutze | verwende | benutze
fr  utilisez | saisissez | entrez | tapez
es  ingresa | ingrese | usa | utiliza | utilice | introduce | introduzca | escribe
pt  digite | insira | informe | utilize
it  inserisci | utilizza
id  masukkan | gunakan
tr  girin | giriniz | kullanın
pl  wpisz | użyj | podaj
ru  введите | используйте | укажите
zh  输入 | 請輸入 | 请输入 | 输入验证码 | 填写
ja  入力 | を入力
ko  입력 | 를 입력 | 을 입력
hi  दर्ज करें
ar  أدخل | استخدم
th  กรอก | ใช้
"""

_PURPOSE = """
vi  xác thực | xác minh | xác nhận | kích hoạt | đăng nhập | đăng ký | hoàn tất
vi  đặt lại mật khẩu | tiếp tục
en  verify | confirm | activate | login | log in | log into | sign in | sign up | signing in
en  logging in | authenticate | registration | register | reset | complete | continue
en  approve | authorize | authorise | proceed
de  anmelden | bestätigen | einloggen | verifizieren | anmeldung
fr  connecter | confirmer | vérifier | valider
es  verificar | confirmar | iniciar sesión | acceder | entrar
pt  acessar
it  verificare | confermare | accedere
id  verifikasi | masuk | konfirmasi
tr  doğrulamak | giriş | onaylamak
pl  potwierdzić | zalogować | potwierdź
ru  подтверд | вход | войти | регистрац
zh  登录 | 登入 | 验证 | 注册 | 確認
ja  ログイン | 認証 | 登録
ko  로그인 | 인증 | 가입
hi  लॉगिन | सत्यापित
ar  تسجيل الدخول | تأكيد | للتحقق
th  ยืนยัน | เข้าสู่ระบบ
"""

_SHARE = """
vi  chia sẻ | cung cấp | tiết lộ | đưa cho | đọc cho | cảnh giác | lừa đảo | cảnh báo | mạo danh
vi  giả mạo | bảo mật thông tin | không yêu cầu | hỏi
vi  đã được gửi | đã gửi | sẽ được gửi | sẽ gửi | vừa được gửi | vừa gửi
en  share | sharing | give | disclose | reveal | forward | never ask | ask | asks | scam | fraud
en  scammers | beware | phishing | tell
en  was sent | has been sent | have sent | will be sent | will send | was requested
de  weitergeben | weiter | teilen | betrug
fr  partagez | communiquez | jamais
es  comparta | compartas | compartir | nunca | estafa
pt  compartilhe | golpe
it  condividere | condivida
id  berikan | bagikan | penipuan
tr  paylaşmayın | paylaşmayınız
pl  udostępniaj | nikomu
ru  сообщайте | никому | говорите | мошенник
zh  泄露 | 告诉 | 告知 | 透露 | 诈骗
ja  教えない | 共有
ko  노출 | 공유 | 타인
ar  تشارك | مشاركة
hi  साझा | शेयर
th  เปิดเผย | อย่าบอก
"""

_THIS = """
vi  này | trên
en  this | these | the above | above
de  diesen | dieser
fr  ce
es  este
id  ini
ru  этот
zh  此 | 该
ja  この
"""

_PROMO = """
vi  quà tặng | tặng bạn | tặng ngay | được tặng | nhận quà | giảm | giảm giá | giảm ngay
vi  ưu đãi | khuyến mãi | khuyến mại | hoàn tiền | freeship | miễn phí vận chuyển | mua sắm
vi  đơn từ | sale off | siêu sale | flash sale
en  discount | off | sale | coupon | voucher | promo | promotion | cashback | free shipping
en  redeem | gift card | gift | redeem code
es  descuento | oferta | promoción
pt  desconto | promoção
fr  remise | réduction | offre | soldes
de  rabatt | gutschein
id  diskon | potongan | gratis ongkir
ru  скидка | скидку | акция
zh  优惠 | 折扣 | 立减 | 优惠券 | 满减
ja  クーポン | 割引
ko  할인 | 쿠폰
"""

# What counts something, right behind a number: a sum, or else a time or an amount.
_SUMS = """
vnd | d | dong | usd | eur | euro | euros | nghin | ngan | trieu | tr | ty | rub | rp | idr
php | inr | dollars | thb | baht | tl | try | zl | pln | kr | sek | xu | gb | mb | points | diem
coins | k | usdt | btc | eth | bnb
"""
_UNITS = """
phut | giay | gio | tieng | ngay | thang | nam | lan | ky tu | chu so | minute | minutes | min
mins | second | seconds | sec | secs | hour | hours | hr | hrs | day | days | week | weeks
month | months | year | years | times | digits | digit | characters | chars | minuten | minuto
minutos | minuti | sekunden | segundos | stunden | horas | heures | jours | tage | dias | menit
detik | jam | hari | dakika | saniye | saat | minut | minuty | sekund | godzin | point | sao
coin | items | sms | tin | tin nhan | phan tram | percent | kb | tb | km | kg | cm | mm
"""
# The same, with no blank between: 90s, 450k.
_GLUED_UNITS = (
    "p|ph|phut|s|giay|sec|h|m|min|mins|k|d|tr|vnd|usd|gb|mb|kb|km|kg|g|cm|mm|mah|w|v|hz|mp|x|"
    "th|st|nd|rd"
)
_OTHER_UNITS = (
    "年|月|日|号|分|秒|小时|小時|天|元|円|块|位|次|人|名|時|년|월|일|분|초|시|원|자리|회|"
    "минут|мин|сек|час|дн|день|дней|год|руб|хв|годин|р\\b|λεπτ|"
    "นาที|วินาที|ชั่วโมง|บาท|วัน|នាទី|វិនាទី|"
    "دقيقة|دقائق|دقيقه|ثانية|ثوان|ساعة|ساعات|ريال|درهم|جنيه|"
    "मिनट|सेकंड|घंटे|रुपये|דקות"
)

_DIGIT_WORDS = """
vi  không | một | hai | ba | bốn | năm | sáu | bảy | tám | chín
vi  linh | mốt | - | - | tư | lăm | - | bẩy | - | -
en  zero | one | two | three | four | five | six | seven | eight | nine
en  oh | - | - | - | - | - | - | - | - | niner
en  o | - | - | - | - | - | - | - | - | -
es  cero | uno | dos | tres | cuatro | cinco | seis | siete | ocho | nueve
pt  - | um | dois | três | quatro | - | - | sete | oito | nove
pt  - | uma | duas | - | - | - | meia | - | - | -
fr  zéro | un | deux | trois | quatre | cinq | - | sept | huit | neuf
de  null | eins | zwei | drei | vier | fünf | sechs | sieben | acht | neun
de  - | - | zwo | - | - | - | - | - | - | -
id  nol | satu | dua | tiga | empat | lima | enam | tujuh | delapan | sembilan
id  kosong | - | - | - | - | - | - | - | - | -
it  - | - | due | tre | quattro | cinque | sei | sette | otto | nove
tr  sıfır | bir | iki | üç | dört | beş | altı | yedi | sekiz | dokuz
pl  - | jeden | dwa | trzy | cztery | pięć | sześć | siedem | osiem | dziewięć
ru  ноль | один | два | три | четыре | пять | шесть | семь | восемь | девять
th  ศูนย์ | หนึ่ง | สอง | สาม | สี่ | ห้า | หก | เจ็ด | แปด | เก้า
ko  공 | 일 | 이 | 삼 | 사 | 오 | 육 | 칠 | 팔 | 구
ko  영 | - | - | - | - | - | 륙 | - | - | -
zh  零 | 一 | 二 | 三 | 四 | 五 | 六 | 七 | 八 | 九
zh  〇 | 幺 | 两 | - | - | - | - | - | - | -
hi  शून्य | एक | दो | तीन | चार | पांच | छह | सात | आठ | नौ
ar  صفر | واحد | اثنان | ثلاثة | أربعة | خمسة | ستة | سبعة | ثمانية | تسعة
"""

# How vouchers, and the keys of customers, orders and contracts, start.
_KEY_STARTS = """
giam | giamgia | uudai | qua | tang | banmoi | tet | noel | xmas | sale | off | deal | flash | mega
free | freeship | ship | hot | vip | new | newbie | hello | welcome | save | promo | voucher
kh | hd | dh | gd | sv | nv | hs | pe | inv | ord
"""

_TABLES: tuple[tuple[Role, str], ...] = (
    # Where two tables hold the same phrase, the later one counts.
    (Role.PURPOSE, _PURPOSE),
    (Role.PROMO, _PROMO),
    (Role.SHARE, _SHARE),
    (Role.ACT, _ACT),
    (Role.TOPIC, _TOPIC),
    (Role.GOODS, _GOODS),
    (Role.SUM, _SUM),
    (Role.OTHER, _OTHER),
    (Role.CONTACT, _CONTACT),
    (Role.COMPOSE, _COMPOSE),
    (Role.SEND, _SEND),
    (Role.FOR, _FOR),
    (Role.OWNER, _OWNER),
    (Role.THIS, _THIS),
    (Role.LINK, _LINK),
    (Role.AVOID, _AVOID),
    (Role.OLD, _OLD),
    (Role.WORD, _WORD),
    (Role.CODE, _CODE),
)

# Words for codes in languages that bend or join their words: kodunuz, Prüfcode, engangskoden.
_STEMS = ("kodu", "kodo", "kode", "kody", "kodn", "sifre", "parol", "heslo", "hasl", "salasan")
_ENDINGS = (
    "code", "codes", "kode", "koden", "kod", "kodu", "kodunuz", "koodi", "koodisi", "passwort",
    "passord",
)  # fmt: skip
_CODE_ENDINGS = ("otp", "otpcode")
# Most words are none of these: how they start and end says so at once.
_FIRST_LETTERS = {stem[:4] for stem in _STEMS}
_LAST_LETTERS = {ending[-3:] for ending in _ENDINGS + _CODE_ENDINGS}
_PLAIN = Role.PLAIN  # to look a member of an Enum up takes as long as all the rest
# A word of Latin script with no more characters may be an abbreviation: ref, acc, stk.
ABBREVIATION_CHARS = 4

# --------------------------------------------------------------------------------------- look up


def _phrases(table: str) -> Iterator[str]:
    for line in table.strip().splitlines():
        yield from (fold(clean(phrase)).strip() for phrase in line[4:].split("|"))


def _keys() -> Iterator[str]:
    """The names of the keys of all sorts of things."""
    named = [phrase for phrase in _phrases(_OTHER) if phrase.startswith(_KEY_VI)]
    named += [f"{_KEY_VI}{thing}" for thing in _phrases(_KEYED_VI)]
    for name in named:
        yield name
        yield f"{_KEY_VI}so {name.removeprefix(_KEY_VI)}"
    for thing in _phrases(_KEYED_EN):
        yield from (f"{thing} {key}" for key in _KEYS_EN)


def _phrases_by_role() -> Iterator[tuple[Role, str]]:
    """Each phrase and its role; of a phrase that comes twice, the later role counts."""
    yield from ((Role.OTHER, name) for name in _keys())
    for role, table in _TABLES:
        yield from ((role, phrase) for phrase in _phrases(table))


@dataclass(slots=True)
class Phrase:
    """Some words in a row, as the tables hold them."""

    role: Role | None = None  # None: they only start longer phrases
    longer: dict[str, "Phrase"] = field(default_factory=dict)  # next word → the phrase with it


def _spaced_words() -> dict[str, Phrase]:
    start = Phrase()
    for role, phrase in _phrases_by_role():
        if phrase.isascii():
            at = start
            for word in re.findall(r"[a-z0-9]+|[^\s']", phrase):
                at = at.longer.setdefault(word, Phrase())
            at.role = role
    return start.longer


def _other_scripts() -> dict[str, Role]:
    return {phrase: role for role, phrase in _phrases_by_role() if not phrase.isascii()}


def _alternatives(words: Iterable[str]) -> str:
    """A pattern that matches the longest of some words.

    Words that start with the same character share it: of a plain row of alternatives, each one
    is tried at each place.
    """
    endings: dict[str, set[str]] = {}
    for word in words:
        endings.setdefault(word[:1], set()).add(word[1:])
    return "|".join(
        re.escape(first) + (f"(?:{_alternatives(rest)})" if any(rest) else "")
        for first, rest in sorted(endings.items(), reverse=True)  # nothing more to match: last
    )


# First word → the phrases of Latin script that start with it.
PHRASES = _spaced_words()
# Phrase of another script → its role, and a pattern that finds the longest such phrase.
SCRIPT_ROLE = _other_scripts()
SCRIPT_PHRASE = re.compile(_alternatives(SCRIPT_ROLE))
_BETWEEN_WORDS = re.compile(r"[|\n]")


def _digit_words() -> dict[str, str]:
    values: dict[str, str] = {}
    for line in _DIGIT_WORDS.strip().splitlines():
        for digit, word in enumerate(line[4:].split("|")):
            values[fold(clean(word)).strip()] = str(digit)
    del values["-"]
    return values


def _units(table: str) -> str:
    return _alternatives(word.strip() for word in _BETWEEN_WORDS.split(table.strip()))


# Word for a digit, folded → the digit.
DIGIT_OF = _digit_words()
# Matches the letters, in full, that a voucher or a key starts with.
KEY_START = re.compile(_units(_KEY_STARTS))
# Word → how often the digit behind it is said.
REPEATS = {"double": 2, "triple": 3}
# Match right behind a number: what makes it a sum, or else a time or an amount.
SUM_BEHIND = re.compile(rf" ?(?:(?:{_units(_SUMS)})(?![a-z0-9])|\$(?!\d)|%(?![a-z]))")
UNIT_BEHIND = re.compile(rf" ?(?:(?:{_units(_UNITS)})(?![a-z0-9])|{fold(_OTHER_UNITS)})")
# Matches a number and its unit, in full, that are written as one word: 90s, 450k.
QUANTITY = re.compile(
    rf"[0-9]{{1,4}}(?:{_GLUED_UNITS})|[0-9]{{1,3}}(?:k|tr|ty)[0-9]{{1,3}}|[0-9]+(?:{_units(_SUMS)})|[0-9]{{1,2}}(?:{_units(_UNITS)})"
)


def role_of(word: str) -> Role | None:
    """The role of one folded word of Latin script; None where no table holds it by itself."""
    known = PHRASES.get(word)
    return known.role if known else None


def role_by_form(word: str) -> Role:
    """The role of a folded word that no table holds, by how it starts or ends; else PLAIN."""
    if word[:4] not in _FIRST_LETTERS and word[-3:] not in _LAST_LETTERS:
        return _PLAIN
    if len(word) <= ABBREVIATION_CHARS:
        return Role.CODE if word.endswith("otp") else _PLAIN
    if word.endswith(_CODE_ENDINGS):
        return Role.CODE
    return Role.WORD if word.startswith(_STEMS) or word.endswith(_ENDINGS) else _PLAIN
